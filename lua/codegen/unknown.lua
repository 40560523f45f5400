-- Types that only rows can tell ("?"): which nodes have them, proposals of types as text, and how a proposal is
-- applied to the graph (docs/internals/lua-side.md, codegen.settle). A proposal has one line per column, "id type
-- name"; it is the same text whatever the order in which rows were seen. A subtask that cannot see more rows lists what
-- it has no value for as "?", under a line "end subtask count state": what no subtask has a value for can only be decided
-- once all of them have said so, or the first to end would decide for those whose values are still to come.
local fault = require "tidemill.fault"

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

-- No end of a line is left in names and types, and no blank in types.
local function escaped(text) return (text:gsub("[%c%%]", function(c) return ("%%%02x"):format(c:byte()) end)) end
local function plain(text) return (text:gsub("%%(%x%x)", function(h) return string.char(tonumber(h, 16)) end)) end

---@param types table<integer, table<string, string>> by node id, column -> type
---@param stop table? { subtask =, count = of subtasks, state = "empty", "rows" or "full" }, see Interpreter:finish
function unknown.write(types, stop)
  local lines = {}
  for id, columns in pairs(types) do
    for name, type_name in pairs(columns) do lines[#lines + 1] = { id = id, name = name, type = type_name } end
  end
  table.sort(lines, function(a, b)
    if a.id ~= b.id then return a.id < b.id end
    return a.name < b.name
  end)
  for i, l in ipairs(lines) do
    lines[i] = ("%d %s %s\n"):format(l.id, (escaped(l.type):gsub(" ", "%%20")), escaped(l.name))
  end
  local head = stop and ("end %d %d %s\n"):format(stop.subtask, stop.count, stop.state) or ""
  return head .. table.concat(lines)
end

---@return table types by node id, column -> type, "?" where the subtask has none
---@return table? stop
function unknown.read(text)
  local types, stop = {}, nil
  local subtask, count, state = text:match("^end (%d+) (%d+) (%l+)\n")
  if subtask then stop = { subtask = tonumber(subtask), count = tonumber(count), state = state } end
  for id, type_name, name in text:gmatch("%f[^\n%z](%d+) (%S+) ([^\n]*)\n") do
    id = tonumber(id)
    types[id] = types[id] or {}
    types[id][plain(name)] = plain(type_name)
  end
  return types, stop
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

-- Gives columns their types and derives again what follows. Inputs have lower ids: one pass in order.
local function apply(nodes, types)
  local changed = {}
  for _, node in ipairs(nodes) do
    for name, type_name in pairs(types[node.id] or {}) do
      node.settled = node.settled or {}
      node.settled[name] = type_name
    end
    local again = types[node.id] ~= nil
    for _, input in ipairs(node.inputs or {}) do again = again or changed[input.id] end
    if again and node.kind ~= "source" then
      local before = node.schema
      derive_again(node)
      if node.schema ~= before or types[node.id] then changed[node.id] = true end
      if node.kind == "sink" then changed[node.id] = nil end
    end
  end
end

-- The types of a proposal that are news: of columns that have none yet.
local function news(nodes, proposed)
  local types = {}
  for _, node in ipairs(nodes) do
    local mine = proposed[node.id]
    if mine and (node.kind == "function" or node.kind == "reduce") then
      for name in pairs(open_columns(node)) do
        if mine[name] and mine[name] ~= "?" then
          types[node.id] = types[node.id] or {}
          types[node.id][name] = mine[name]
        end
      end
    end
  end
  return types
end

local function first_of(names)
  local list = {}
  for name in pairs(names) do list[#list + 1] = name end
  table.sort(list)
  return list[1]
end

---The fault of a column that was nil in all of an operator's first rows.
function unknown.undecidable(node, name, rows)
  return fault.new("RETURNS_NEEDED", node.where, ("%s: column %q was nil in all of the first %d rows: its type is not known")
    :format(node.name, name, rows), node.kind == "function" and (node.verb == "map" or node.verb == "flat_map")
    and ("declare it: :returns { %s = \"string\" }"):format(name)
    or "use map, whose :returns declares types")
end

unknown.ROWS_MAX = 1024 -- of an operator in a subtask, after which a column that was nil in all of them must be declared

-- Which subtasks see no more values; node.stopped: by subtask, "empty", "rows" or "full".
local function note_stop(nodes, proposed, stop)
  for _, node in ipairs(nodes) do
    if proposed[node.id] then
      node.stopped = node.stopped or {}
      node.stopped[stop.subtask] = stop.state
    end
  end
end

-- Of the proposal's nodes, columns that no subtask has a value for although rows wait for it.
local function decided(nodes, proposed, count)
  local types, waits = {}, false
  for _, node in ipairs(nodes) do
    local open = proposed[node.id] and open_columns(node) or {}
    if next(open) ~= nil then
      local said, rows, full = 0, false, false
      for _, state in pairs(node.stopped) do
        said, rows, full = said + 1, rows or state ~= "empty", full or state == "full"
      end
      if said < count or not rows then
        waits = true
      elseif full then
        error(unknown.undecidable(node, first_of(open), unknown.ROWS_MAX), 0)
      else
        types[node.id] = {}
        for name in pairs(open) do types[node.id][name] = "string" end
      end
    end
  end
  return types, waits
end

-- Columns that are nil in every row are texts, or what an operator below takes.
local function apply_nothing(nodes, types)
  local ok, err = pcall(apply, nodes, types)
  if ok then return end
  for _, other in ipairs { "double", "timestamp" } do
    for _, columns in pairs(types) do for name in pairs(columns) do columns[name] = other end end
    if pcall(apply, nodes, types) then return end
  end
  error(err, 0)
end

---Applies the first proposal for each column and derives again what follows.
---@param nodes table[] all of the graph, by id + 1
---@param proposal string
---@return string settled what changed, as a proposal for the other states; "" when nothing did
---@return boolean waits nothing can be said yet: an answer follows from another subtask's proposal
function unknown.settle(nodes, proposal)
  local proposed, stop = unknown.read(proposal)
  local types, waits = news(nodes, proposed), false
  if next(types) ~= nil then apply(nodes, types) end
  if stop then
    local rest
    note_stop(nodes, proposed, stop)
    rest, waits = decided(nodes, proposed, stop.count)
    if next(rest) ~= nil then apply_nothing(nodes, rest) end
    for id, columns in pairs(rest) do
      types[id] = types[id] or {}
      for name, type_name in pairs(columns) do types[id][name] = type_name end
    end
  end
  return unknown.write(types), next(types) == nil and waits
end

return unknown
