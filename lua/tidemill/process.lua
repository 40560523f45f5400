-- stream:process("name", { state =, each =, timer =, open =, close = }): functions of the job over keyed state and timers; and
-- stream:connect(other, "name", { state =, left =, right =, ... }): those of two streams over the same state.
-- What is checked here is how it is declared; what its functions do: lua/codegen/process_derive.lua.
local check = require "tidemill.check"
local derive = require "tidemill.derive"
local fault = require "tidemill.fault"
local freeze = require "tidemill.freeze"
local graph = require "tidemill.graph"
local keyed = require "tidemill.keyed"
local shapeless = require "tidemill.shapeless"
local states = require "tidemill.states"
local stream = require "tidemill.stream"

local function any(_, _, v) return v end

-- What is done with the rows of each input, and what an example of it looks like.
local EXAMPLES = {
  process = 'for example :process("velocity", { state = { n = tm.value("int", { default = 0 }) }, each = function(ctx, e) ... end })',
  connect = 'for example a:connect(b, "match", { state = { last = tm.value("string") }, left = function(ctx, e) ... end, '
    .. 'right = function(ctx, e) ... end })',
  process_broadcast = 'for example rows:key_by("card"):process_broadcast(rules, "check", { broadcast = { limit = tm.value("int") }, '
    .. 'each = function(ctx, e) ... end, rule = function(ctx, e) ... end })',
}
local OF = { each = "a record", left = "a record of the first stream", right = "a record of the second stream", rule = "a rule" }

---The functions of a process by name.
---@param verb string "process", "connect", "process_broadcast"
---@param roles string[] of rows: those that must be there
---@return string what for messages: process "velocity"
---@return table values
local function functions_of(call, verb, name, given, roles)
  if name ~= nil then check.name(call.at, verb .. ": the name", name) end
  local what = name and ("%s %q"):format(verb, name) or verb
  if type(given) ~= "table" or freeze.kind(given) then check.wrong(call.at, what, "a table of functions", given, EXAMPLES[verb]) end
  local options = { state = any, renamed_from = check.name, timer = check.func, open = check.func, close = check.func }
  if verb == "process_broadcast" then options.broadcast = any end
  for _, role in ipairs(roles) do options[role] = check.func end
  local values = check.options(call.at, what, given, options)
  for _, role in ipairs(roles) do
    if not values[role] then
      fault.raise("ARGUMENT", call.at, ("%s: %s is missing: what is done with %s"):format(what, role, OF[role]), EXAMPLES[verb])
    end
  end
  return what, values
end

-- A stream without a key has no state of one, and no timers.
local function without_key(s, call, what, of_keys, timer)
  if s.node.kind == "key_by" then return end
  local hint = 'put :key_by("field") in front of it; what belongs to no key is tm.operator_list(type)'
  if of_keys[1] then
    fault.raise("GRAPH", call.at, ("%s: the stream has no key, and state %q belongs to one"):format(what, of_keys[1].name), hint)
  elseif timer then
    fault.raise("GRAPH", call.at, ("%s: the stream has no key, and timers belong to one"):format(what), hint)
  end
end

local function add(s, call, verb, name, roles, what, values, more)
  local of_keys, of_operator = states.divide(states.declare(call, what, values.state, s.node.schema.time_field))
  without_key(s, call, what, of_keys, values.timer)
  local props = { kind = "process", verb = verb, roles = roles, timer = values.timer, open = values.open, close = values.close,
    metrics = s.job.session.metrics, states = of_keys, operator = of_operator,
    broadcast = states.declare(call, what, values.broadcast, nil, "broadcast") }
  states.refuse_two_types(call, what, { of_keys, of_operator, props.broadcast })
  for _, role in ipairs(roles) do props[role] = values[role] end
  for k, v in pairs(more or {}) do props[k] = v end
  return stream.new(s.job, keyed.add(s, call, props, { name = name, renamed_from = values.renamed_from }, verb))
end

stream.method("process", function(s, call, name, given, ...)
  if type(name) == "table" and given == nil then name, given = nil, name end
  stream.no_more(call, "process", 2 + select("#", ...), 2)
  local roles = { "each" }
  local what, values = functions_of(call, "process", name, given, roles)
  derive.schema(s.node)
  shapeless.refuse(s.node, call.at, "process")
  return add(s, call, "process", name, roles, what, values)
end)

-- --- two streams
-- ---------------------------------------------------------------------------------------------------------------

-- The contents of the other stream.
local function other_of(s, call, what, given, hint)
  local other = freeze.content(given, "stream")
  if not other then check.wrong(call.at, what .. ": the other stream", "a stream", given, hint) end
  if other.job ~= s.job then
    fault.raise("GRAPH", call.at, ('%s: the streams are of two jobs, "%s" and "%s"'):format(what, s.job.name, other.job.name))
  end
  derive.schema(other.node)
  return other
end

local function key_text(node)
  local parts = {}
  for i, name in ipairs(node.key) do
    parts[i] = ("%s %s"):format(name, node.schema.fields[node.schema.by_name[name]].type)
  end
  return table.concat(parts, ", ")
end

-- A key of the one must be found under that of the other: the same types in the same order, whatever the names.
local function same_keys(call, what, a, b)
  local same = #a.key == #b.key
  for i, name in ipairs(a.key) do
    local other = b.key[i]
    same = same and a.schema.fields[a.schema.by_name[name]].type == b.schema.fields[b.schema.by_name[other]].type
  end
  if same then return end
  fault.raise("TYPE", call.at, ("%s: the keys differ: %s of the first stream, %s of the second"):format(what, key_text(a), key_text(b)),
    #a.key == #b.key and "keys of different types never meet: bring them to the same type, as with :assign, or declare it in the schema"
    or "a key has the same number of fields in both streams")
end

local function same_time(call, what, a, b)
  if (a.schema.time_field ~= nil) == (b.schema.time_field ~= nil) then return end
  local with, without = a, b
  if not a.schema.time_field then with, without = b, a end
  fault.raise("SCHEMA", call.at, ('%s: "%s" has a watermark, on %s, and "%s" has none, so it would hold up the time of both'):format(what,
    with.inputs[1].name, with.schema.fields[with.schema.time_field].name, without.inputs[1].name),
    "put :watermark(...) on each of them, before :key_by")
end

-- Keys of both streams must be the same bytes, and whichever stream has the first row makes the state.
local function known_keys(call, what, node, which)
  for _, name in ipairs(node.key) do
    local f = node.schema.fields[node.schema.by_name[name]]
    if f.type == "?" then
      local column = f.hidden and "the key" or ("%q"):format(f.name)
      fault.raise("RETURNS_NEEDED", call.at,
        ("%s: the type of %s of the %s stream is known from rows alone, and the other stream cannot wait for them"):format(what, column,
        which), f.hidden
        and 'make it a column whose type is declared: :assign { key = fn }:returns { key = "string" }:key_by("key")'
        or ('declare it behind the operator that makes it: :returns { %s = "string" }'):format(f.name))
    end
  end
end

-- Rules can come before the first row, and go over all keys.
local function known_columns(call, what, node)
  for _, f in ipairs(node.schema.fields) do
    if f.type == "?" then
      fault.raise("RETURNS_NEEDED", call.at, ("%s: the type of %q of its rows is known from rows alone, and rules cannot wait for them")
        :format(what, f.name), ('declare it behind the operator that makes it: :returns { %s = "string" }'):format(f.name))
    end
  end
end

stream.method("connect", function(s, call, given, name, functions, ...)
  if type(name) == "table" and functions == nil then name, functions = nil, name end
  stream.no_more(call, "connect", 3 + select("#", ...), 3)
  local roles = { "left", "right" }
  local what, values = functions_of(call, "connect", name, functions, roles)
  local other = other_of(s, call, what, given, EXAMPLES.connect)
  keyed.need_key(s, call, "connect", "its functions share the state of a key")
  if other.node.kind ~= "key_by" then
    fault.raise("GRAPH", call.at, what .. ": the second stream has no key: its functions share the state of a key",
      'a:key_by("field"):connect(b:key_by("field"), "name", { ... })')
  end
  for i, node in ipairs { s.node, other.node } do
    shapeless.refuse(node, call.at, "connect")
    known_keys(call, what, node, i == 1 and "first" or "second")
  end
  same_keys(call, what, s.node, other.node)
  same_time(call, what, s.node, other.node)
  return add(s, call, "connect", name, roles, what, values, { inputs = { s.node, other.node }, second_key = other.node.key })
end)

-- Every subtask has all rules: that is what its copies of the broadcast state come from.
local function to_all(s, call, other)
  if other.node.kind == "route" and other.node.partition == "broadcast" then return other.node end
  local node = graph.add(s.job, { kind = "route", verb = "broadcast", partition = "broadcast", where = call.at, inputs = { other.node },
    base = graph.place_name("broadcast", call.at) })
  derive.schema(node)
  return node
end

stream.method("process_broadcast", function(s, call, given, name, functions, ...)
  if type(name) == "table" and functions == nil then name, functions = nil, name end
  stream.no_more(call, "process_broadcast", 3 + select("#", ...), 3)
  local roles = { "each", "rule" }
  local what, values = functions_of(call, "process_broadcast", name, functions, roles)
  local other = other_of(s, call, what, given, EXAMPLES.process_broadcast)
  keyed.need_key(s, call, "process_broadcast", "state and timers belong to a key")
  if other.node.kind == "key_by" then
    fault.raise("GRAPH", call.at, what .. ": the rules have a key, and every subtask gets all of them",
      "leave the key out: what stands by key in both streams is connect")
  end
  for _, node in ipairs { s.node, other.node } do shapeless.refuse(node, call.at, "process_broadcast") end
  known_columns(call, what, s.node)
  return add(s, call, "process_broadcast", name, roles, what, values, { inputs = { s.node, to_all(s, call, other) } })
end)
