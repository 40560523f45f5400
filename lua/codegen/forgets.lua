-- Which states of a key nothing ever takes away: those without a time to live that no timer clears, or none that anything sets. Keys
-- that never come again stay then, for ever. Told from what the functions of a process do to their states (process_derive.lua); what
-- the analysis loses sight of may clear anything, so that nobody is told off for a state that is cleared after all.
local suggest = require "tidemill.suggest"

local forgets = {}

-- Roles that come to every key, also to one that has no rows any more.
local REACHES = { timer = true, pass = true }

---Does this function come to keys by itself? That of a window does: at the window's end.
local function reaches(node, role) return REACHES[role] or node.of_window ~= nil end

local function may_be_nil(v)
  if v == nil or v.null then return true end
  return not (v.t == "type" or v.t == "const" or v.t == "row")
end

-- Methods after which a key may have nothing left in the state, by what they are given (the first is the state itself).
local CLEARS = {
  clear = function() return true end,
  remove = function() return true end,
  update = function() return true end,
  set = function(args) return may_be_nil(args[2]) end,
  put = function(args) return may_be_nil(args[3]) end,
}

---Nothing is known yet of the states of this node.
function forgets.begin(node)
  for _, state in ipairs(node.states) do state.forgotten, state.forgotten_by_timer = nil, nil end
  node.codegen.sets_timers = false
end

---A function of this role sets a timer. One that only the function of timers itself sets is never the first.
function forgets.sets_timer(node, role)
  if role ~= "timer" then node.codegen.sets_timers = true end
end

---Notes what the functions of a role do with a state.
---@param object table what the analysis knows of it
---@param members table its methods
function forgets.watch(node, role, state, object, members)
  function object.lost() state.forgotten = true end
  if not reaches(node, role) then return end
  for name, clears in pairs(CLEARS) do
    local method = members[name]
    if method then
      local call = method.on.call
      function method.on.call(m, s, called, args, ...)
        if clears(args) then state[role == "timer" and "forgotten_by_timer" or "forgotten"] = true end
        return call(m, s, called, args, ...)
      end
    end
  end
end

---What the analysis of one of the node's functions ended with.
function forgets.ended(node, role, analysis)
  -- What a closure does with variables around it is not followed; a rule's are, as far as they are of a pass.
  if analysis.known and not (analysis.captured and role ~= "rule") then return end
  forgets.all(node)
end

---All states may be cleared: ctx went out of sight.
function forgets.all(node)
  for _, state in ipairs(node.states) do state.forgotten = true end
end

---@return table? finding
function forgets.finding(node)
  local kept = {}
  for _, state in ipairs(node.states) do
    local forgotten = state.forgotten or (state.forgotten_by_timer and node.codegen.sets_timers)
    if not (forgotten or state.ttl.ms or state.ttl.never) then kept[#kept + 1] = state end
  end
  if #kept == 0 then return nil end
  local names = {}
  for i, state in ipairs(kept) do names[i] = state.name end
  local many, endless = #kept > 1, node.endless
  return { severity = endless and "warning" or "advice", code = "UNBOUNDED_STATE", where = kept[1].where,
    message = ("%s: the state%s %s %s neither a ttl nor a %s that clears %s: what %s of a key that comes no more stays for ever%s")
      :format(node.name, many and "s" or "", suggest.list(names), many and "have" or "has",
      node.of_window and "function of windows" or "timer", many and "them" or "it", many and "they hold" or "it holds",
      endless and ('; "%s" (%s) has no end'):format(endless.name, endless.where) or ""),
    hint = kept[1].forgotten_by_timer
      and ('timer clears %s, and nothing sets a timer: ctx:timer(at), or ctx:timer_processing(at), in %s; or { ttl = "1d" }'):format(
        names[1], node.roles[1])
      or ('{ ttl = "1d" } forgets %s a day after the last write%s; { ttl = "never" } says that it is meant'):format(
        many and "each" or "it", node.of_window and "" or (", and ctx.state.%s:clear() in timer when it says so"):format(names[1])) }
end

return forgets
