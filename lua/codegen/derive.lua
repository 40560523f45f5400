-- Schemas of function and reduce nodes (docs/internals/lua-side.md; LUA_API "Records"): the columns, types and event
-- time of what an operator puts out, from its functions' bytecode. Sets node.schema, node.reads, node.passes, and
-- node.codegen with what the generator needs of the analysis.
local bytecode = require "codegen.bytecode"
local fault = require "tidemill.fault"
local findings = require "codegen.findings"
local flat = require "codegen.flat"
local order = require "codegen.order"
local result = require "codegen.result"
local shapes = require "codegen.shapes"
local problem = require "codegen.problem"
local random = require "tidemill.random"
local suggest = require "tidemill.suggest"
local unknown = require "codegen.unknown"
local utf8 = require "tidemill.utf8"
local values = require "codegen.values"
local util = require "jit.util"

local derive = {}

local TIME = "$time" -- hidden column of the rows' event time where no visible column is it
local RETURNS = 'declare them: :returns { name = "string", total = "double" } right after the operator'

local function make(fields, time_field, bare)
  local s = { fields = fields, by_name = {}, time_field = time_field, bare = bare or nil }
  for i, f in ipairs(fields) do s.by_name[f.name] = i end
  return s
end

local function field(name, type_name, required, hidden)
  return { name = name, type = type_name, required = required or false, hidden = hidden or false }
end

local function visible_names(schema)
  local names = {}
  for _, f in ipairs(schema.fields) do if not f.hidden then names[#names + 1] = f.name end end
  return names
end

local function input_field(node, name) return node.input.fields[node.input.by_name[name]] end

-- Which operator above left a field out, for the message about it.
local function left_out(node, name)
  local below, above = nil, node.inputs and node.inputs[1]
  while above do
    if above.schema and above.schema.by_name[name] and below then
      local name_and_place = below.name:find(below.where, 1, true) and below.name or below.name .. " at " .. below.where
      return ("%s leaves it out"):format(name_and_place)
    end
    below, above = above, above.inputs and above.inputs[1]
  end
end

-- --- analysis of one function
-- ----------------------------------------------------------------------------------------------

-- What the function of a generated field is called with: the row's number, and what it draws random numbers with.
local function parameters(node)
  if node.made then
    return { { value = { t = "field", p = 1, name = node.made.number, type = "int" } }, { value = { t = "const", v = random.random } } }
  end
  return { node.input.bare and { bare = true } or { schema = node.input } }
end

local function parameter(node) return node.input.bare and { bare = true } or { schema = node.input } end

local function analyse(node, fn, params)
  local a = bytecode.analyse(fn, params)
  for _, p in ipairs(a.problems) do fault.raise(p.code, p.where, node.name .. ": " .. p.message, p.hint) end
  for _, u in ipairs(a.unknown_fields) do
    if not a.assigned[u.p][u.name] then
      local schema = params[u.p].schema or node.input
      local names = visible_names(schema)
      fault.raise("UNKNOWN_FIELD", u.where, ("%s: there is no field %q; the fields here are %s"):format(node.name, u.name,
        suggest.list(names)), schema == node.input and left_out(node, u.name) or suggest.hint(u.name, names))
    end
  end
  local found, assumed = node.codegen.findings, node.codegen.assumed
  for _, c in ipairs(a.assumed) do assumed[#assumed + 1] = c end
  for _, f in ipairs(findings.of(a)) do found[#found + 1] = f end
  return a
end

derive.analyse = analyse

local function add_reads(node, analysis, p)
  if node.made then
    node.reads[node.made.number] = true
    return
  end
  local reads = analysis.reads[p]
  if reads == true and not node.input.bare then node.reads = true end
  if node.reads == true then return end
  if node.input.bare then
    node.reads.line = true
    return
  end
  for name in pairs(reads) do node.reads[name] = true end
end
derive.add_reads = add_reads

function derive.no_assignment(node, analysis, verb)
  for p in pairs(analysis.assigned) do
    local name = next(analysis.assigned[p])
    if name or analysis.assigned_dynamic[p] then
      fault.raise("ROW_KEY", node.where, ("%s: its function assigns %s; %s cannot change a record"):format(node.name,
        name and ("%q"):format(name) or "a column", verb), "change records in map or assign")
    end
  end
end
local no_assignment = derive.no_assignment

-- --- event time
-- ------------------------------------------------------------------------------------------------------------

-- Which column of the new row is its event time: the visible one that still holds it, else a hidden one that carries
-- it.
local function carry_time(node, fields, passes)
  local input = node.input
  if not input.time_field then return nil end
  local from = input.fields[input.time_field]
  local found
  for i, f in ipairs(fields) do
    if passes[f.name] == from.name and (not found or f.name == from.name) then found = i end
  end
  if found then return found end
  fields[#fields + 1] = field(TIME, "timestamp", from.required, true)
  passes[TIME] = from.name
  return #fields
end

local function identity(node)
  local passes = {}
  for _, f in ipairs(node.input.fields) do passes[f.name] = f.name end
  return passes
end

-- Hidden columns other than the time's: keys that a function computed. They stay with rows that stay what they are.
local function hidden_keys(node, fields, passes)
  if node.made then return end
  local time = node.input.time_field
  for i, f in ipairs(node.input.fields) do
    if f.hidden and i ~= time then
      fields[#fields + 1] = field(f.name, f.type, f.required, true)
      passes[f.name] = f.name
    end
  end
end

local function finish(node, fields, passes, bare)
  local time_field = carry_time(node, fields, passes)
  if #fields == 0 then
    fault.raise("SCHEMA", node.where, node.name .. ": no column is left", "keep at least one column")
  end
  for _, f in ipairs(fields) do
    local settled = node.settled and node.settled[f.name]
    if f.type == "?" and settled then f.type = settled end
  end
  node.schema, node.passes = make(fields, time_field, bare), passes
end

local function needs_returns(node, why)
  fault.raise("RETURNS_NEEDED", node.where, ("%s: %s"):format(node.name, why), node.tag
    and ('declare its columns: :side("%s"):returns { name = "string", total = "double" }'):format(node.tag) or RETURNS)
end

local rows_of -- below

-- --- side outputs: rows that a function of map, flat_map or filter gives by out("tag", row)
-- -------------------------------------------------------------------------------------------

-- A side output is to rows_of what a flat_map is: a node of its own that is else the function's.
local function side_of(node, tag, returns)
  local exits = {}
  for _, exit in ipairs(node.codegen.analysis.side_emits) do if exit.tag == tag then exits[#exits + 1] = exit end end
  local side = setmetatable({ tag = tag, exits = exits, verb = "flat_map", returns = returns or false, settled = false, out = "side",
    name = ("%s, side output %q"):format(node.name, tag), codegen = { texts = {}, numbers = {} } }, { __index = node })
  rows_of(side, node.codegen.analysis, exits, "gives it")
  local open = {}
  for _, f in ipairs(side.schema.fields) do if f.type == "?" then open[#open + 1] = ("%q"):format(f.name) end end
  if #open > 0 and not (node.kind == "process" and unknown.in_schema(node.input)) then
    needs_returns(side, ("the type of %s does not follow from the function, and a side output may wait long for its first row")
      :format(table.concat(open, ", ")))
  end
  return side
end

---Derives the side outputs that are read (node.read_sides: { tag =, returns = } by number), and how columns are read with them.
function derive.sides(node)
  local g = node.codegen
  g.sides = {}
  for i, read in ipairs(node.read_sides or {}) do
    local side = side_of(node, read.tag, read.returns)
    g.sides[i] = side
    if node.reads ~= true then for _, from in pairs(side.passes) do node.reads[from] = true end end
  end
  if g.mode_passes then g.modes = result.modes(g.analysis, 1, g.mode_passes, g.sides) end
  if g.with_sides then g.with_sides() end
end

---The tags of a function's side outputs, sorted; true: it may give rows to others, too.
function derive.tags(node)
  local seen, a = {}, node.codegen.outs or node.codegen.analysis
  for _, exit in ipairs(a and a.side_emits or {}) do seen[exit.tag] = true end
  return suggest.keys(seen), a ~= nil and (a.out_escapes or not a.known)
end

-- What calls of out with two arguments must be; `main`: may it be called with a row alone?
local function check_sides(node, analysis, main)
  local a = analysis
  if node.gives_records then -- the job's function in the one that is analysed: it gets an `out` of its own
    a = bytecode.analyse(node.gives_records, { { value = values.UNKNOWN }, { out = true } })
    node.codegen.outs = a
  end
  for _, exit in ipairs(a.side_emits) do
    if type(exit.tag) ~= "string" then
      local row = exit.tag_type == "table"
      fault.raise("TYPE", exit.where, ("%s: out takes %sa tag and a row; the tag, a constant text, is %s"):format(node.name,
        main and "a row, or " or "", row and "a row here" or "computed here"), 'for example out("late", e)')
    end
    if exit.tag == "" or #exit.tag > 255 or exit.tag:find("[%z\1-\31\127]") or not utf8.is_valid(exit.tag) then
      fault.raise("ARGUMENT", exit.where, ("%s: %s cannot be the tag of a side output"):format(node.name, problem.show(exit.tag)),
        "a tag has 1 to 255 bytes of UTF-8, without control characters")
    end
  end
  if not main and a.emits[1] then
    fault.raise("TYPE", a.emits[1].where, ("%s: out is called with one argument; here it takes a tag and a row"):format(node.name),
      node.verb == "map" and 'return the row; for a side output out("late", e)' or 'for a side output out("late", e)')
  end
  node.codegen.analysis = analysis
  derive.sides(node)
end

-- --- verbs
-- -----------------------------------------------------------------------------------------------------------------

local verbs = {}

function verbs.filter(node)
  local a = analyse(node, node.fn, { parameter(node), { out = true } })
  no_assignment(node, a, "filter")
  add_reads(node, a, 1)
  node.codegen.mode_passes = {}
  check_sides(node, a, false)
  node.schema, node.passes = node.input, identity(node)
end

-- A sink's function: what it returns is nobody's.
function verbs.each(node)
  local a = analyse(node, node.fn, { parameter(node) })
  no_assignment(node, a, "a sink")
  local taken = util.funcinfo(node.fn)
  if node.input.changelog and (taken.params or 2) < 2 and not taken.isvararg then
    local found = node.codegen.findings
    found[#found + 1] = { severity = "warning", where = node.where,
      message = node.name .. ": its rows are changes, and write cannot tell those that are deleted from those that come",
      hint = 'write = function(e, op) ... end: op is "+I", "-U", "+U" or "-D"' }
  end
  add_reads(node, a, 1)
  node.codegen.analysis, node.codegen.modes = a, result.modes(a, 1, {})
  node.schema, node.passes = node.input, identity(node)
end

function verbs.select(node)
  local fields, passes = {}, {}
  for _, name in ipairs(node.columns) do
    local f = node.input.by_name[name] and input_field(node, name)
    if not f or f.hidden then
      local names = visible_names(node.input)
      fault.raise("UNKNOWN_FIELD", node.where, ("%s: there is no field %q; the fields here are %s"):format(node.name, name,
        suggest.list(names)), suggest.hint(name, names))
    end
    fields[#fields + 1] = field(name, f.type, f.required)
    passes[name] = name
  end
  local bare = node.input.bare and #fields == 1 and fields[1].name == "line"
  finish(node, fields, passes, bare)
end

function verbs.drop(node)
  local dropped, kept = {}, {}
  for _, name in ipairs(node.columns) do
    local f = node.input.by_name[name] and input_field(node, name)
    if not f or f.hidden then
      local names = visible_names(node.input)
      fault.raise("UNKNOWN_FIELD", node.where, ("%s: there is no field %q; the fields here are %s"):format(node.name, name,
        suggest.list(names)), suggest.hint(name, names))
    end
    dropped[name] = true
  end
  local fields, passes = {}, {}
  for _, f in ipairs(node.input.fields) do
    if not f.hidden and not dropped[f.name] then
      fields[#fields + 1] = field(f.name, f.type, f.required)
      passes[f.name] = f.name
      kept[f.name] = true
    end
  end
  finish(node, fields, passes, node.input.bare and kept.line)
end

local function scalar_type(node, a)
  local type_name, pass, text, slice, unsure = result.scalar(a.returns)
  if unsure then a.slices = false end
  if not a.known then type_name, pass, text, slice = "?", nil, false, false end
  if pass then
    local f = input_field(node, pass)
    return f.type, pass, f.required, text
  end
  return type_name, nil, false, text, slice
end

local function in_order(fields, names)
  local by_name, ordered = {}, {}
  for _, f in ipairs(fields) do by_name[f.name] = f end
  for i, name in ipairs(names) do ordered[i] = by_name[name] end
  return ordered
end

function verbs.assign(node)
  local fields, passes, at = {}, {}, {}
  for _, f in ipairs(node.input.fields) do
    if not f.hidden then
      fields[#fields + 1] = field(f.name, f.type, f.required)
      at[f.name], passes[f.name] = #fields, f.name
    end
  end
  local bare = node.input.bare
  node.codegen.assigns = {}
  for i, assign in ipairs(node.assigns) do
    local a = analyse(node, assign.fn, parameters(node))
    no_assignment(node, a, "assign")
    add_reads(node, a, 1)
    local type_name, pass, required, text, slice = scalar_type(node, a)
    local said = node.returns and node.returns.fields[node.returns.by_name[assign.name]]
    if said then
      if pass and (said.type ~= type_name or (said.required and not required)) then pass = nil end
      if said.type ~= "string" then text, slice = nil, nil end
      type_name, required = said.type, said.required
    end
    local index = at[assign.name] or #fields + 1
    fields[index] = field(assign.name, type_name, required)
    at[assign.name], passes[assign.name] = index, pass
    if assign.name ~= "line" then bare = nil end
    node.codegen.texts[assign.name], node.codegen.slices[assign.name] = text or nil, slice or nil
    node.codegen.assigns[i] = { analysis = a, modes = result.modes(a, 1, pass and { [assign.name] = pass } or {}) }
  end
  hidden_keys(node, fields, passes)
  if node.made then fields = in_order(fields, node.made.order) end
  finish(node, fields, passes, bare)
end

function verbs.key(node)
  local a = analyse(node, node.fn, { parameter(node) })
  no_assignment(node, a, "key_by")
  add_reads(node, a, 1)
  local type_name, pass, _, text, slice = scalar_type(node, a)
  node.codegen.texts[node.key_name], node.codegen.slices[node.key_name] = text or nil, slice or nil
  local passes, fields = identity(node), {}
  for i, f in ipairs(node.input.fields) do fields[i] = f end
  if node.input.by_name[node.key_name] then
    fault.raise("SCHEMA", node.where, ("%s: there is a column %q already"):format(node.name, node.key_name),
      'choose another name for the key: key_by(fn, "name")')
  end
  fields[#fields + 1] = field(node.key_name, type_name, true, true)
  passes[node.key_name] = pass
  node.codegen.analysis, node.codegen.modes = a, result.modes(a, 1, pass and { [node.key_name] = pass } or {})
  finish(node, fields, passes, node.input.bare)
end

-- The event time that :watermark(function) takes: a hidden column behind the others, in place of an earlier one.
function verbs.event_time(node)
  local a = analyse(node, node.fn, { parameter(node) })
  no_assignment(node, a, "watermark")
  add_reads(node, a, 1)
  local type_name, pass, required = scalar_type(node, a, "its function")
  if type_name ~= "?" and type_name ~= "int" and type_name ~= "double" and type_name ~= "timestamp" then
    fault.raise("TYPE", node.where,
      ("watermark: its function gives %s; event time is a number of milliseconds since 1970"):format(type_name),
      "tm.time helps with texts; int64 and decimal values have :tonumber()")
  end
  local passes, fields = identity(node), {}
  for _, f in ipairs(node.input.fields) do if f.name ~= TIME then fields[#fields + 1] = f end end
  if type_name ~= "timestamp" or not required then pass = nil end
  fields[#fields + 1] = field(TIME, "timestamp", true, true)
  passes[TIME] = pass
  node.codegen.analysis, node.codegen.modes = a, result.modes(a, 1, pass and { [TIME] = pass } or {})
  node.schema, node.passes = make(fields, #fields, node.input.bare), passes
end

-- A hidden int column behind the others, in place of an earlier one.
local function number_of_row(node, says)
  local a = analyse(node, node.fn, { parameter(node) })
  no_assignment(node, a, "partition")
  add_reads(node, a, 1)
  local type_name, pass, required = scalar_type(node, a, "its function")
  if type_name ~= "?" and type_name ~= "int" and type_name ~= "double" then
    fault.raise("TYPE", node.where, ("%s: its function gives %s; a whole number %s"):format(node.name, type_name, says.is), says.hint)
  end
  local passes, fields = identity(node), {}
  for _, f in ipairs(node.input.fields) do if f.name ~= node.key_name then fields[#fields + 1] = f end end
  if type_name ~= "int" or not required then pass = nil end
  fields[#fields + 1] = field(node.key_name, "int", true, true)
  passes[node.key_name] = pass
  node.codegen.analysis, node.codegen.modes = a, result.modes(a, 1, pass and { [node.key_name] = pass } or {})
  local time = node.input.time_field and node.input.fields[node.input.time_field].name
  local time_field
  for i, f in ipairs(fields) do if f.name == time then time_field = i end end
  node.schema, node.passes = make(fields, time_field, node.input.bare), passes
end

-- The number that picks a subtask.
function verbs.partition(node)
  number_of_row(node, { is = "picks the subtask", hint = "for rows of one text to go to one subtask: key_by" })
end

-- The gap of a session behind the row; always looked at, as it may be none.
function verbs.gap(node)
  number_of_row(node, { is = "of milliseconds is the gap", hint = "60000 is a minute" })
  node.passes[node.key_name] = nil
  node.codegen.modes = result.modes(node.codegen.analysis, 1, {})
end

-- --- map and flat_map
-- ------------------------------------------------------------------------------------------------------

-- Of a function that gives no row, whatever its record: why.
local function check_gives(node, a, exits)
  if #exits == 0 and a.raises and (node.verb == "map" or #a.returns == 0) then
    fault.raise("TYPE", a.raises, ("%s: its function always raises an error, so it gives no row"):format(node.name),
      "let it give the rows that are right, and raise errors in a branch")
  end
  if #exits == 0 and node.verb == "map" then
    fault.raise("TYPE", node.where, ("%s: its function never returns"):format(node.name),
      "return the record, a table or a text; filter drops rows")
  end
  if node.verb == "map" then
    fault.raise("TYPE", node.where, ("%s: its function returns nothing"):format(node.name),
      "return the record, a table or a text; filter drops rows")
  end
  fault.raise("TYPE", exits[1].where, ("%s: out, its second parameter, is given nil; it takes a row")
    :format(node.name), "give it a row: out { name = value }; where there is none, do not call it")
end

local function check_result(node, a, r, exits, how)
  if r.wrong then
    fault.raise("TYPE", node.where, ("%s: its function %s a value of type %s; a row is a table of columns, the record or a text")
      :format(node.name, how, r.wrong), "return { name = value }")
  end
  if r.positional then
    fault.raise("TYPE", node.where, ("%s: its function %s a table with list items; columns have names"):format(node.name, how),
      "return { name = value }")
  end
  if r.text and (r.table or r.record) and not node.returns then
    fault.raise("TYPE", node.where, ("%s: its function %s texts in some branches and rows in others"):format(node.name, how),
      "return { line = text } in all of them")
  end
  if node.returns then return end
  if r.dynamic then needs_returns(node, "it computes names of columns") end
  if r.unknown or (not r.table and not r.record and not r.text) then
    if not r.unknown and (#exits == 0 or r.nothing) then check_gives(node, a, exits) end
    needs_returns(node, "the columns of its result cannot be found in its function")
  end
end

-- A column that :returns does not have is one of those that it has and the function does not give, misspelt; or it was
-- forgotten there.
local function undeclared_hint(node, r, name, names)
  local missing = {}
  for _, n in ipairs(names) do if not r.types[n] then missing[#missing + 1] = n end end
  local type_name = r.types[name] ~= "?" and r.types[name] or nil
  local from = r.passes[name] and input_field(node, r.passes[name])
  if from then type_name = from.type end
  local key = name:match("^[%a_][%w_]*$") or ("[%q]"):format(name)
  return suggest.hint(name, missing)
    or ("declare it: :returns { ..., %s = %s }"):format(key, type_name and ('"%s"'):format(type_name) or "type")
end

-- Is this a column that a record has which the function may give whole?
local function of_record(node, name)
  if node.kind ~= "process" then return node.input.by_name[name] end
  for i in ipairs(node.roles) do
    local input = i == 1 and node.input or node.inputs[i].schema
    if input.by_name[name] then return true end
  end
end

local function declared(node, r)
  local fields = {}
  for i, f in ipairs(node.returns.fields) do fields[i] = field(f.name, f.type, f.required) end
  if (r.table and r.proven) or (r.record and not r.table) then
    for _, name in ipairs(suggest.keys(r.types)) do
      if not node.returns.by_name[name] and not (r.record and of_record(node, name)) then
        local names = visible_names(node.returns)
        fault.raise("ROW_KEY", node.where, ("%s: its function gives a column %q, which :returns does not have; it has %s")
          :format(node.name, name, suggest.list(names)), undeclared_hint(node, r, name, names))
      end
    end
  end
  local passes = {}
  for _, f in ipairs(fields) do
    local from = r.passes[f.name]
    if from and not r.unknown and input_field(node, from).type == f.type and (not f.required
      or input_field(node, from).required) then passes[f.name] = from end
  end
  return fields, passes
end

local function found(node, r, analysis)
  local fields, passes, placed = {}, {}, {}
  local function add(name)
    local from = r.passes[name]
    local f = from and input_field(node, from)
    local type_name = f and f.type or r.types[name]
    -- A column of the record that is always set to nil stays what it was.
    if r.only_nil[name] and (r.record or r.copied) and node.input.by_name[name] then type_name = input_field(node, name).type end
    fields[#fields + 1] = field(name, type_name, f and f.required)
    passes[name], placed[name] = from, true
  end
  if r.record or r.copied then
    for _, name in ipairs(visible_names(node.input)) do if r.types[name] then add(name) end end
  end
  local names = {}
  for name in pairs(r.types) do if not placed[name] then names[name] = true end end
  for _, name in ipairs(order.of(names, analysis.functions, analysis.made)) do
    local why = name == "" and "it is empty" or #name > 255 and "it has more than 255 bytes"
      or name:find("[%z\1-\31\127]") and "it has control characters" or not utf8.is_valid(name) and "it is not UTF-8"
      or name:sub(1, 1) == "$" and "names that begin with $ are the engine's"
    if why then
      fault.raise("SCHEMA", node.where, ("%s: %s cannot be the name of a column: %s"):format(node.name, problem.show(name), why))
    end
    add(name)
  end
  return fields, passes
end

-- What stays in front of a row that a function makes: of a custom aggregate's result the key and the window.
local function with_kept(node, r, made, passes)
  if r.text and not node.returns then
    fault.raise("TYPE", node.where, ("%s: its function returns a text; it returns a table of columns"):format(node.name),
      "return { name = value }")
  end
  local fields, kept = {}, {}
  for i, name in ipairs(node.keeps) do
    local f = input_field(node, name)
    fields[i], kept[name] = field(name, f.type, f.required, f.hidden), true
  end
  for _, f in ipairs(made) do
    if not kept[f.name] then
      fields[#fields + 1] = f
    elseif passes[f.name] ~= f.name then
      fault.raise("SCHEMA", node.where, ("%s: its function gives a column %q, which the row has already: %s"):format(node.name, f.name,
        suggest.list(node.keeps)), "give the column another name")
    end
  end
  for name in pairs(kept) do passes[name] = name end
  return fields
end

-- A column that the function assigns is copied from the input's only where nobody can see it in between.
local function passes_of_assigned(node, a, passes)
  if node.verb ~= "map" or node.input.bare then return end
  for name in pairs(a.assigned[1]) do
    if passes[name] and not result.writes_unseen(a, name) then passes[name] = nil end
  end
end

-- A column that a row has from the record, without a word of it in the function, is read like one that the function reads: where
-- only some branches assign it, or give the record at all.
local function add_inherited(node, exits, passes)
  if node.reads == true or node.input.bare then return end
  local function add(name, f)
    if f.p == 1 and passes[name] ~= f.name then node.reads[f.name] = true end
  end
  for _, exit in ipairs(exits) do
    for id in pairs(exit.value.set or {}) do
      for name, v in pairs(exit.rows[id].fields) do
        if v.t == "field" then add(name, v) end
        for _, f in pairs(v.from or {}) do add(name, f) end
      end
    end
  end
end

function rows_of(node, a, exits, how)
  local r = result.of(exits)
  if not a.known then r.unknown = true end
  -- Other rows may be emitted than those that are seen.
  if a.out_escapes and node.verb == "flat_map" then r.unknown, r.proven = true, false end
  check_result(node, a, r, exits, how)
  local fields, passes
  if node.returns then fields, passes = declared(node, r) else fields, passes = found(node, r, a) end
  passes_of_assigned(node, a, passes)
  if node.keeps then fields = with_kept(node, r, fields, passes) end
  -- Rows that stay what they are keep hidden keys; a table sets the whole row.
  if r.record and not r.table and not r.text and not node.returns and node.input.bare == nil and node.kind ~= "process" then
    hidden_keys(node, fields, passes)
  end
  add_inherited(node, exits, passes)
  local bare = #fields == 1 and fields[1].name == "line" and fields[1].type == "string" and not r.table and not r.record
  if node.returns then bare = bare and r.text end
  finish(node, fields, passes, bare)
  local g = node.codegen
  g.analysis, g.result = a, r
  if r.record or r.unsure then a.slices = false end -- columns that the record itself may have are kept as strings
  g.shapes = shapes.of(a, exits, node.schema, node.passes, r.proven and not r.unknown)
  g.flat = node.fn and node.out ~= "side" and flat.make(a, node.fn, g.shapes, exits) or nil
  if a.slices then g.slices = r.slices end
  g.modes, g.mode_passes = result.modes(a, 1, node.passes, g.sides), node.passes
  if not (r.unknown or (r.text and (r.table or r.record))) then g.texts, g.numbers = r.texts, r.numbers end
end

derive.rows_of = rows_of

-- A column that is assigned and then is not in the row would be lost without a word.
local function lost_assignments(node, a)
  for _, name in ipairs(suggest.keys(a.assigned[1])) do
    local index = node.schema.by_name[name]
    if not index or node.schema.fields[index].hidden then
      fault.raise("ROW_KEY", a.assigned[1][name], ("%s: its function assigns the column %q, and its rows are without it: %s")
        :format(node.name, name, suggest.list(visible_names(node.schema))),
        "a returned table sets the whole row: put the column into it, or keep the value in a local")
    end
  end
end

function verbs.map(node)
  local params = parameters(node)
  if not node.made then params[2] = { out = true } end
  local a = analyse(node, node.fn, params)
  add_reads(node, a, 1)
  check_sides(node, a, false)
  rows_of(node, a, a.returns, "returns")
  lost_assignments(node, a)
end

function verbs.flat_map(node)
  local a = analyse(node, node.fn, { parameter(node), { out = true } })
  no_assignment(node, a, "flat_map")
  add_reads(node, a, 1)
  check_sides(node, a, true)
  if a.out_escapes and not node.returns then
    needs_returns(node, "its function hands `out` on, so the rows it gives cannot be found")
  end
  if a.known and #a.emits == 0 and not a.out_escapes and not (a.raises and #a.returns == 0) then
    if #a.side_emits > 0 then
      fault.raise("TYPE", node.where, ("%s: its function gives rows to side outputs alone, so its own stream has no columns"):format(
        node.name), 'filter(function(e, out) out("tag", e) return false end) has those of its input')
    end
    fault.raise("TYPE", node.where, ("%s: its function never calls its second parameter"):format(node.name),
      "flat_map(function(e, out) out { name = value } end)")
  end
  rows_of(node, a, a.emits, "emits")
end

-- What reduce gives has the event time of the row that came in, whatever rows it kept: a visible time column, which it may have
-- taken from an older row, is not it.
local function with_own_time(node)
  local input, fields = node.input, {}
  local time = input.time_field and input.fields[input.time_field]
  if not time or time.hidden then return input end
  for _, f in ipairs(input.fields) do if f.name ~= TIME then fields[#fields + 1] = f end end
  fields[#fields + 1] = field(TIME, "timestamp", time.required, true)
  return make(fields, #fields, input.bare)
end

function verbs.reduce(node)
  local bare = node.input.bare
  local a = analyse(node, node.fn, { parameter(node), parameter(node) })
  local r = result.of(a.returns)
  if not a.known then r.unknown = true end
  if r.wrong or (r.text and not bare) then
    fault.raise("TYPE", node.where, ("%s: its function returns a value of type %s; it must return a row, as its parameters are")
      :format(node.name, r.wrong or "string"), "return a table with the columns, or one of the records")
  end
  if r.positional then
    fault.raise("TYPE", node.where, ("%s: its function returns a table with list items; columns have names"):format(node.name))
  end
  local names = visible_names(node.input)
  local given = {}
  for k in pairs(r.types) do given[k] = true end
  for p = 1, 2 do for k in pairs(a.assigned[p]) do given[k] = true end end
  for _, name in ipairs(suggest.keys(given)) do
    local f = node.input.by_name[name] and input_field(node, name)
    if not f or f.hidden then
      fault.raise("ROW_KEY", node.where, ("%s: its function gives a column %q; reduce keeps its input's columns: %s"):format(
        node.name, name, suggest.list(names)), suggest.hint(name, names) or "make the columns with map before key_by")
    end
  end
  add_reads(node, a, 1)
  add_reads(node, a, 2)
  node.schema, node.passes = with_own_time(node), identity(node)
  if node.schema ~= node.input then node.passes[TIME] = node.input.fields[node.input.time_field].name end
  local g = node.codegen
  g.analysis, g.result = a, r
  if not r.unknown and not r.text then g.texts, g.numbers = r.texts, r.numbers end
end

---Sets node.schema, node.reads, node.passes.
---@return table[] findings
function derive.derive(node)
  node.input = node.input or node.inputs[1].schema
  -- texts: columns whose strings are known to be UTF-8; numbers: what is known of the numbers of columns (result.lua); slices:
  -- columns that may be given slices; shapes: of columns that are given tables (shapes.lua); flat: the function without those in other
  -- tables, for generated code (flat.lua)
  node.codegen = { findings = {}, texts = {}, numbers = {}, slices = {}, shapes = {}, assumed = {} }
  node.reads, node.passes = {}, {}
  verbs[node.kind == "reduce" and "reduce" or node.verb](node)
  node.schema.changelog = node.input.changelog
  return node.codegen.findings
end

return derive
