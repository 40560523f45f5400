-- Types that only rows can tell ("?"): which nodes have them, proposals of types as text, and how a proposal is
-- applied to the graph (docs/internals/lua-side.md, codegen.settle). A proposal has one line per column, "id type
-- name"; it is the same text whatever the order in which rows were seen.
local unknown = {}

function unknown.in_schema(schema)
  for _, f in ipairs(schema.fields) do if f.type == "?" then return true end end
  return false
end

---Has one of these nodes an output column of unknown type?
function unknown.any(nodes)
  for _, node in ipairs(nodes) do
    if unknown.in_schema(node.schema) or unknown.in_schema(node.input) then return true end
  end
  return false
end

---@param types table<integer, table<string, string>> by node id, column -> type
function unknown.write(types)
  local lines = {}
  for id, columns in pairs(types) do
    for name, type_name in pairs(columns) do lines[#lines + 1] = { id = id, name = name, type = type_name } end
  end
  table.sort(lines, function(a, b)
    if a.id ~= b.id then return a.id < b.id end
    return a.name < b.name
  end)
  for i, l in ipairs(lines) do
    lines[i] = ("%d %s %s\n"):format(l.id, l.type, l.name:gsub("[%c%%]", function(c) return ("%%%02x"):format(c:byte()) end))
  end
  return table.concat(lines)
end

function unknown.read(text)
  local types = {}
  for id, type_name, name in text:gmatch("(%d+) (%S+) ([^\n]*)\n") do
    id = tonumber(id)
    types[id] = types[id] or {}
    types[id][name:gsub("%%(%x%x)", function(h) return string.char(tonumber(h, 16)) end)] = type_name
  end
  return types
end

local function same_schema(a, b)
  if a == b then return true end
  if not a or not b or #a.fields ~= #b.fields or a.time_field ~= b.time_field or a.bare ~= b.bare then return false end
  for i, f in ipairs(a.fields) do
    local g = b.fields[i]
    if f.name ~= g.name or f.type ~= g.type or f.required ~= g.required or f.hidden ~= g.hidden then return false end
  end
  return true
end

local function derive_again(node)
  local before = node.schema
  if node.kind == "function" or node.kind == "reduce" then
    node.input = node.dead_letter_schema or node.inputs[1].schema
    node.findings = require("codegen.derive").derive(node)
  else
    require("tidemill.derive").derive(node)
  end
  -- A schema that stays what it was stays the same object: nothing is published again.
  if before and node.schema ~= before and same_schema(node.schema, before) then node.schema = before end
end

-- What this node still has to settle: its own columns, not those that pass through from above.
local function open_columns(node)
  local open = {}
  for _, f in ipairs(node.schema and node.schema.fields or {}) do
    if f.type == "?" and not node.passes[f.name] then open[f.name] = true end
  end
  return open
end
unknown.open_columns = open_columns

---Applies the first proposal for each node and derives again what follows.
---@param nodes table[] all of the graph, by id + 1
---@param proposal string
---@return string settled what changed, as a proposal for the other states; "" when nothing did
function unknown.settle(nodes, proposal)
  local applied = {}
  local proposed = unknown.read(proposal)
  for _, node in ipairs(nodes) do
    local types = proposed[node.id]
    if types and (node.kind == "function" or node.kind == "reduce") then
      for name in pairs(open_columns(node)) do
        if types[name] then
          node.settled = node.settled or {}
          node.settled[name] = types[name]
          applied[node.id] = applied[node.id] or {}
          applied[node.id][name] = types[name]
        end
      end
    end
  end
  if next(applied) == nil then return "" end
  -- Inputs have lower ids: one pass in order.
  local changed = {}
  for _, node in ipairs(nodes) do
    local again = applied[node.id] ~= nil
    for _, input in ipairs(node.inputs or {}) do again = again or changed[input.id] end
    if again and node.kind ~= "source" then
      local before = node.schema
      derive_again(node)
      if node.schema ~= before or applied[node.id] then changed[node.id] = true end
      if node.kind == "sink" then changed[node.id] = nil end
    end
  end
  return unknown.write(applied)
end

return unknown
