-- Functions of the job in a window: those of a custom aggregate or of reduce (accumulate.lua), of a trigger (process.lua, which
-- writes chunks over kept states), and how far rows are apart (pairs.lua). What a window has of them, and which chunk is for
-- which of its roles.
local accumulate = require "codegen.accumulate"
local pair = require "codegen.pairs"
local process = require "codegen.process"
local process_derive = require "codegen.process_derive"

local window = {}

---Does a window node have functions of its own?
function window.has_functions(node)
  return node.custom ~= nil or node.asked ~= nil or node.trigger_delta ~= nil or node.evict_delta ~= nil
end

---Sets node.codegen of a window with functions, adds to node.reads.
---@return table[] findings
function window.derive(node)
  if node.custom then
    accumulate.derive(node)
  else
    node.codegen = { findings = {}, assumed = {}, texts = {}, roles = {} }
  end
  node.codegen.pairs, node.codegen.trigger = {}, {}
  if node.trigger_delta then pair.derive(node, "trigger", node.trigger_delta) end
  if node.evict_delta then pair.derive(node, "evict", node.evict_delta) end
  if node.asked then process_derive.trigger(node) end
  return node.codegen.findings
end

---What stands for the function of a role in a chunk.
function window.nodes(node, role)
  local c = node.codegen
  if c.pairs and c.pairs[role] then return pair.nodes(node, role) end
  if c.trigger and c.trigger[role] then return process.trigger_nodes(node, role) end
  return accumulate.nodes(node, role)
end

---All functions of a window that have been looked at.
function window.analyses(node)
  local list = {}
  for _, group in ipairs { node.codegen.roles, node.codegen.pairs, node.codegen.trigger } do
    for _, role in ipairs(window.ROLES) do list[#list + 1] = group[role] and group[role].analysis end
  end
  return list
end

window.ROLES = { "add", "merge", "trigger", "evict", "on_element", "on_event_time", "on_processing_time", "on_merge", "on_clear" }

---The roles that a window has, for its texts.
function window.roles(node)
  local list = {}
  for _, role in ipairs(window.ROLES) do
    if node.codegen.roles[role] or node.codegen.pairs[role] or node.codegen.trigger[role] then list[#list + 1] = role end
  end
  return list
end

return window
