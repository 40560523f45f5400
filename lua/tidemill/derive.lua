-- Schemas of the nodes: what each operator puts out, from what it takes in. Runs once per node while the graph is
-- built, and again below a node whose types its first real row has settled. Functions and reduce are the code
-- generator's.
local aggregates = require "tidemill.aggregates"
local check = require "tidemill.check"
local fault = require "tidemill.fault"
local schema = require "tidemill.schema"
local types = require "tidemill.types"
local windows = require "tidemill.windows"

local derive = {}

local function identity(input)
  local passes = {}
  for _, f in ipairs(input.fields) do passes[f.name] = f.name end
  return passes
end

local function copy(input, time_field)
  return schema.make(input.fields, time_field, input.bare)
end

local function add(fields, field, node, hint)
  for _, f in ipairs(fields) do
    if f.name == field.name then
      fault.raise("SCHEMA", node.where,
        ('%s: two columns of the result are called "%s"'):format(node.name, f.name), hint)
    end
  end
  fields[#fields + 1] = field
end

-- Columns of the key, shown under their names even where the engine computed them.
local function key_columns(node, fields, reads, passes)
  for _, name in ipairs(node.key) do
    local f = node.input.fields[node.input.by_name[name]]
    add(fields, { name = name, type = f.type }, node)
    reads[name], passes[name] = true, name
  end
end

local kinds = {}

function kinds.source(node)
  node.schema = node.declared
end

-- What can name a folder: doubles have no exact text, and the others none at all.
local PARTITION = { bool = true, int = true, int64 = true, decimal = true, string = true, timestamp = true }

-- What makes a column of such a type one that can. A number that a function gives is a double until it is declared to be an int.
local function partition_hint(name, type_name)
  if type_name == "double" then
    return ('whole numbers are int when they are declared: :assign { %s = function(e) return math.floor(e.%s) end }:returns { %s = "int" }')
      :format(name, name, name)
  end
  if type_name ~= "bytes" then
    return 'by one value of it, of a declared type: :assign { part = function(e) return ... end }:returns { part = "string" }'
  end
  return (":assign a text made of it: :assign { %s = function(e) return tostring(e.%s) end }"):format(name, name)
end

function kinds.sink(node)
  node.schema = nil
  if node.format == "text" then
    local visible = {}
    for _, f in ipairs(node.input.fields) do if not f.hidden then visible[#visible + 1] = f end end
    if #visible ~= 1 or (visible[1].type ~= "string" and visible[1].type ~= types.UNKNOWN) then
      fault.raise("SCHEMA", node.where, ('%s: format = "text" writes one string per row; the rows have %s'):format(
        node.name, schema.show(node.input)), 'write format = "json", or :select the one column')
    end
  end
  for _, name in ipairs(node.partition_by or {}) do
    local field = node.input.fields[check.field(node.where, node.name .. ": partition_by", node.input, name)]
    if not PARTITION[field.type:match("^%a+%d*")] and field.type ~= types.UNKNOWN then
      fault.raise("TYPE", node.where, ("%s: partition_by: %s is %s; a folder is named by bool, int, int64, decimal, string or timestamp")
        :format(node.name, name, field.type), partition_hint(name, field.type))
    end
  end
  local want = node.expect
  if not want then return end
  for i = 1, math.max(#want.fields, #node.input.fields) do
    local w, g = want.fields[i], node.input.fields[i]
    if g and g.hidden and not w then break end
    if not (w and g) or w.name ~= g.name or (g.type ~= types.UNKNOWN and w.type ~= g.type) or g.hidden then
      fault.raise("SCHEMA", node.where,
        ("%s: the rows are not of the sink's schema: it has %s; the rows have %s"):format(
        node.name, schema.show(want), schema.show(node.input)), "select, assign and :returns change columns and types")
    end
  end
end

function kinds.key_by(node)
  for _, name in ipairs(node.key) do
    if not node.input.by_name[name] then check.field(node.where, node.name, node.input, name) end
  end
  node.schema, node.reads, node.passes = copy(node.input, node.input.time_field), {}, identity(node.input)
  for _, name in ipairs(node.key) do node.reads[name] = true end
end

-- Is the column computed by a function above, and not a source's?
local function made_here(node, name)
  while node and node.kind ~= "source" do
    local from = node.passes and node.passes[name]
    if not from then return node.verb == "map" or node.verb == "flat_map" or node.verb == "assign" end
    node, name = node.inputs[1], from
  end
  return false
end

function kinds.watermark(node)
  local index = node.field == schema.TIME and node.input.by_name[schema.TIME]
    or check.field(node.where, "watermark", node.input, node.field)
  local f = node.input.fields[index]
  if f.type ~= "timestamp" and f.type ~= types.UNKNOWN then
    fault.raise("TYPE", node.where, ('watermark("%s"): the field is %s; event time is a timestamp'):format(node.field,
      f.type), made_here(node.inputs[1], node.field) and ('say so behind what makes it: :returns { %s = "timestamp" }'):format(node.field)
      or ('declare it: %s = "timestamp" takes milliseconds since 1970 and ISO 8601'):format(node.field))
  end
  node.schema, node.reads, node.passes = copy(node.input, index), { [node.field] = true }, identity(node.input)
  if not node.generator then return end
  node.findings = require("codegen").derive_custom(node)
  require("tidemill.undeclared").check(node)
end

local function time_column(node, fields, reads)
  fields[#fields + 1] = { name = schema.TIME, type = "timestamp", hidden = true }
  local from = node.input.time_field and node.input.fields[node.input.time_field].name
  if from then reads[from] = true end
  return #fields, from
end

function kinds.rolling(node)
  local fields, reads, passes, time = {}, {}, {}, nil
  key_columns(node, fields, reads, passes)
  for _, a in ipairs(node.aggregates) do
    add(fields, { name = a.name, type = aggregates.type(node, a) }, node, node.verb == "aggregate" and "give the aggregate another name"
      or ('rename the result: as = "%s_%s"'):format(a.kind, a.field or "rows"))
    if a.field then reads[a.field] = true end
    if a.by then reads[a.by] = true end
  end
  -- A row of `final` comes at the end of input and is no input's row: it has no time of its own.
  if node.input.time_field and node.emit == "every" then
    local from
    time, from = time_column(node, fields, reads)
    passes[schema.TIME] = from
  end
  node.schema, node.reads, node.passes = schema.make(fields, time), reads, passes
end

-- reduce as a custom aggregate, whose accumulator is a row of the input. The columns of the key are those of the window already:
-- what the function makes of them is kept for it, and goes out hidden.
local function folded(node)
  local fields, columns = {}, {}
  for _, f in ipairs(node.input.fields) do
    if not f.hidden then fields[#fields + 1] = { name = f.name, type = f.type, required = f.required } end
  end
  local s = schema.make(fields)
  for _, name in ipairs(node.key) do
    columns[name] = "$" .. name
    if s.by_name[name] then s.fields[s.by_name[name]].required = false end
  end
  return { schema = s, columns = columns, defaults = {}, add = node.fold, fold = true,
    merge = windows.merges(node.window) and node.fold or nil }
end

function kinds.window(node)
  local fields, reads, passes = {}, {}, {}
  key_columns(node, fields, reads, passes)
  local bounded, hint = windows.bounded(node.window), "rename the field before the window"
  if bounded then
    add(fields, { name = "window_start", type = "timestamp" }, node, hint)
    add(fields, { name = "window_end", type = "timestamp" }, node, hint)
  end
  if node.fold then node.custom = folded(node) end
  if node.custom then
    local columns = node.custom.columns or {}
    for _, f in ipairs(node.custom.schema.fields) do
      add(fields, { name = columns[f.name] or f.name, type = f.type, hidden = columns[f.name] ~= nil }, node,
        node.fold and hint or "give the accumulator's field another name: result sees the key and the window too")
    end
  end
  if node.custom or node.asked or node.trigger_delta or node.evict_delta then
    node.reads = reads
    node.findings = require("codegen").derive_window(node)
    require("tidemill.undeclared").check(node)
    reads = node.reads -- true: all of them
  end
  if node.gap and reads ~= true then reads[node.gap] = true end
  for _, a in ipairs(node.aggregates) do
    add(fields, { name = a.name, type = aggregates.type(node, a), hidden = a.hidden }, node, "give the aggregate another name")
    if a.kind == "rows" then for _, f in ipairs(node.input.fields) do if not f.hidden then reads[f.name] = true end end end
    if a.field then reads[a.field] = true end
    if a.by then reads[a.by] = true end
  end
  -- For the function behind it: a number where the window has fired and is to be purged, and whether it is gone.
  if node.window.numbers then fields[#fields + 1] = { name = "$firing", type = "int", required = false, hidden = true } end
  if node.window.tells_end then fields[#fields + 1] = { name = "$gone", type = "bool", required = false, hidden = true } end
  local time = bounded and time_column(node, fields, reads == true and {} or reads) or nil
  if (not bounded or node.window.processing) and windows.reads_time(node.window) and reads ~= true then
    reads[node.input.fields[node.input.time_field].name] = true
  end
  node.schema, node.reads, node.passes = schema.make(fields, time), reads, passes
end

function kinds.union(node)
  local first = node.inputs[1].schema
  local fields = {}
  for i, f in ipairs(first.fields) do
    fields[i] = { name = f.name, type = f.type, required = f.required, hidden = f.hidden }
  end
  for n = 2, #node.inputs do
    local other = node.inputs[n].schema
    local same = #other.fields == #fields
    for i, f in ipairs(fields) do
      local g = other.fields[i]
      if not g or g.name ~= f.name or g.hidden ~= f.hidden
        or (g.type ~= f.type and g.type ~= types.UNKNOWN and f.type ~= types.UNKNOWN) then
        same = false
      elseif f.type == types.UNKNOWN then
        f.type = g.type
      end
    end
    if not same then
      fault.raise("SCHEMA", node.where,
        ("union: the streams have different columns: the first has %s; %s has %s"):format(
        schema.show(first), ('"%s"'):format(node.inputs[n].name), schema.show(other)),
        "bring them to the same columns in the same order: select, assign, map with :returns")
    end
    if other.time_field ~= first.time_field then
      local function time_of(s) return s.time_field and s.fields[s.time_field].name end
      local a, b = time_of(first), time_of(other)
      local function of(k) return ('"%s"'):format(node.inputs[k].name) end
      if a and b then
        fault.raise("SCHEMA", node.where, ("union: the event time of %s is %s, that of %s is %s"):format(of(1), a, of(n), b),
          ('put :watermark("%s", ...) on each of them, before :union'):format(a))
      end
      fault.raise("SCHEMA", node.where, ("union: %s has a watermark, on %s, and %s has none, so it would hold up the time of all"):format(
        of(a and 1 or n), a or b, of(a and n or 1)),
        ('put :watermark("%s", ...) on each of them, before :union'):format(a or b))
    end
    for i, f in ipairs(fields) do f.required = f.required and other.fields[i].required end
  end
  node.schema = schema.make(fields, first.time_field, first.bare)
  node.reads, node.passes = {}, identity(node.schema)
end

-- Rows that stay what they are.
local function untouched(node, reads)
  node.schema, node.reads, node.passes = copy(node.input, node.input.time_field), reads, identity(node.input)
end

local function visible(input)
  local names = {}
  for _, f in ipairs(input.fields) do if not f.hidden then names[f.name] = true end end
  return names
end

function kinds.route(node) untouched(node, node.field and { [node.field] = true } or {}) end

-- The rows that a function gives to one of its side outputs. Which of its input's columns these need, the function's node says.
function kinds.side(node)
  local from = node.inputs[1]
  if from.kind == "window" then -- rows that are late, whole
    node.schema, node.reads, node.passes = copy(from.input, from.input.time_field), {}, {}
    if from.reads ~= true then for name in pairs(visible(from.input)) do from.reads[name] = true end end
    return
  end
  from.read_sides[node.side].returns = node.returns
  require("codegen").sides(from)
  node.schema, node.reads, node.passes = from.codegen.sides[node.side].schema, {}, {}
end

-- What is shown must have been read.
function kinds.peek(node) untouched(node, visible(node.input)) end

local function names_of(...)
  local names = {}
  for _, list in ipairs { ... } do for _, name in ipairs(list) do names[name] = true end end
  return names
end

function kinds.distinct(node)
  local reads = node.identity and names_of(node.key, node.identity) or visible(node.input)
  for _, name in ipairs(node.key) do reads[name] = true end
  untouched(node, reads)
end

-- Whole rows that are kept. What goes out for an input row has that row's time, in a column of its own beside the one that
-- the kept row was made at.
function kinds.extreme(node)
  local input = node.input
  aggregates.check_order(node, node.by)
  local time = node.emit == "every" and input.time_field
  local keeps = not time or input.fields[time].name == schema.TIME
  local fields, passes = {}, {}
  for _, f in ipairs(input.fields) do
    if keeps or f.name ~= schema.TIME then
      fields[#fields + 1] = f
      passes[f.name] = f.name
    end
  end
  node.reads = names_of(node.key, { node.by })
  if time then
    node.reads[input.fields[time].name] = true
    if keeps then
      time = input.time_field
    else
      fields[#fields + 1] = { name = schema.TIME, type = "timestamp", hidden = true }
      time = #fields
    end
  end
  node.schema, node.passes = schema.make(fields, time or nil, input.bare), passes
end

function kinds.top(node)
  local input, fields = node.input, {}
  aggregates.check_order(node, node.by)
  for i, f in ipairs(input.fields) do fields[i] = f end
  if node.rank then fields[#fields + 1] = { name = node.rank, type = "int", required = true } end
  node.schema = schema.make(fields, nil, not node.rank and input.bare)
  node.reads, node.passes = names_of(node.key, { node.by }), identity(input)
end

local function by_codegen(node)
  node.findings = require("codegen").derive(node) or {}
  require("tidemill.undeclared").check(node)
end
kinds["function"], kinds.reduce = by_codegen, by_codegen

function kinds.process(node)
  node.findings = require("codegen").derive_process(node)
end

---Sets node.input, node.schema, node.reads, node.passes (and node.findings) from the inputs' schemas.
function derive.derive(node)
  local first = node.inputs[1]
  node.input = node.dead_letter_schema or (first and first.schema)
  kinds[node.kind](node)
  local changes = node.kind == "top" and node.emit == "every"
  for _, input in ipairs(node.inputs) do changes = changes or (input.schema and input.schema.changelog) end
  if node.schema then node.schema.changelog = changes or nil end
  node.derived = true
end

---The output schema of a node, derived now if it has not been: builders ask when the next operator is added, so that
---what modifies a node (:returns) still comes in time.
function derive.schema(node)
  if not node.derived then
    for _, input in ipairs(node.inputs) do derive.schema(input) end
    derive.derive(node)
  end
  return node.schema
end

---All nodes, in id order (inputs have lower ids). Can be run again.
function derive.derive_all(nodes)
  for _, node in ipairs(nodes) do derive.derive(node) end
end

return derive
