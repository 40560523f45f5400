-- Streams: the object that tm.from and every operator give, and the operators that need no key. Each operator checks
-- its arguments against the columns that it gets, at the line of the call, and adds nodes to the job.
local building = require "tidemill.building"
local check = require "tidemill.check"
local derive = require "tidemill.derive"
local elsewhere = require "tidemill.elsewhere"
local ends = require "tidemill.ends"
local fault = require "tidemill.fault"
local freeze = require "tidemill.freeze"
local graph = require "tidemill.graph"
local order = require "tidemill.order"
local place = require "tidemill.place"
local schema = require "tidemill.schema"
local shapeless = require "tidemill.shapeless"
local suggest = require "tidemill.suggest"

local stream = {}

local methods, names = {}, {}

setmetatable(methods, { __index = function(_, key)
  fault.raise("UNKNOWN_NAME", place.here(), ("a stream has no operator %s; it has %s"):format(check.show(key),
    suggest.list(names, 40)), type(key) == "string" and (elsewhere.operators[key] or suggest.hint(key, names)) or nil)
end })

---A stream of a node's rows.
---@param job table
---@param node table
---@param before table? a node that modifiers (on_error) apply to as well
function stream.new(job, node, before)
  return freeze.object("stream", { job = job, node = node, before = before }, methods)
end

---Adds an operator: `fn(s, call, ...)` gets the stream's contents and { at, text, line } of the caller.
function stream.method(name, fn)
  names[#names + 1] = name
  table.sort(names)
  methods[name] = building.only("stream:" .. name, function(self, ...)
    local file, line = place.find()
    local call = { at = place.here(), file = file, line = line }
    local s = freeze.content(self, "stream")
    if not s then
      fault.raise("ARGUMENT", call.at, ("%s: called on %s"):format(name, check.show(self)),
        ("operators are called with a colon: stream:%s(...)"):format(name))
    end
    return fn(s, call, ...)
  end)
end
local method = stream.method

-- A function node below the stream.
local function add(s, call, verb, props)
  props.kind, props.verb, props.where, props.inputs = "function", verb, call.at, { s.node }
  props.base = graph.place_name(verb, call.at)
  derive.schema(s.node)
  return stream.new(s.job, graph.add(s.job, props))
end

local function no_more(call, what, count, allowed)
  if count > allowed then
    fault.raise("ARGUMENT", call.at,
      ("%s takes %d argument%s, given %d"):format(what, allowed, allowed == 1 and "" or "s",
      count))
  end
end
stream.no_more = no_more

local EXAMPLES = {
  map = "for example :map(function(e) return { word = e.line } end)",
  flat_map = "for example :flat_map(function(e, out) out { word = e.line } end)",
  filter = "for example :filter(function(e) return e.amount > 10 end)",
}
for _, verb in ipairs { "map", "flat_map", "filter" } do
  method(verb, function(s, call, fn, ...)
    check.func(call.at, verb, fn, EXAMPLES[verb])
    no_more(call, verb, 1 + select("#", ...), 1)
    return add(s, call, verb, { fn = fn })
  end)
end

local function columns_of(s, call, verb, ...)
  shapeless.refuse(s.node, call.at, verb)
  local input, columns, seen = derive.schema(s.node), { ... }, {}
  if #columns == 1 and type(columns[1]) == "table" and not freeze.kind(columns[1]) then columns = columns[1] end
  if #columns == 0 then
    check.wrong(call.at, verb, "the name of at least one field", (...), ('for example :%s("a", "b")'):format(verb))
  end
  local result = {}
  for i, name in ipairs(columns) do
    check.field(call.at, verb, input, name)
    if seen[name] then fault.raise("ARGUMENT", call.at, ('%s: "%s" is given twice'):format(verb, name)) end
    seen[name], result[i] = true, name
  end
  return result, input
end

method("select", function(s, call, ...)
  return add(s, call, "select", { columns = columns_of(s, call, "select", ...) })
end)

method("drop", function(s, call, ...)
  local columns, input = columns_of(s, call, "drop", ...)
  local visible = 0
  for _, f in ipairs(input.fields) do if not f.hidden then visible = visible + 1 end end
  if visible == #columns then
    fault.raise("ARGUMENT", call.at, "drop: no column would be left")
  end
  return add(s, call, "drop", { columns = columns })
end)

method("assign", function(s, call, given, ...)
  if type(given) ~= "table" or freeze.kind(given) or next(given) == nil then
    check.wrong(call.at, "assign", "a table of functions", given,
      "for example :assign { double = function(e) return e.amount * 2 end }")
  end
  no_more(call, "assign", 1 + select("#", ...), 1)
  local assigns = {}
  for k in pairs(given) do
    if type(k) ~= "string" then check.wrong(call.at, "assign", "the name of a column for every function", k) end
  end
  for i, name in ipairs(order.keys(given, call.file, call.line)) do
    check.name(call.at, "assign: the name of a column", name)
    if name:sub(1, 1) == "$" then
      fault.raise("SCHEMA", call.at, ('assign: column "%s": names that begin with $ are the engine\'s'):format(name))
    end
    check.func(call.at, ('assign: "%s"'):format(name), given[name],
      ("write %s = function(e) return ... end"):format(name))
    assigns[i] = { name = name, fn = given[name] }
  end
  return add(s, call, "assign", { assigns = assigns })
end)

local KEY_MAX = 16 -- TM_KEY_FIELDS_MAX

local function key_by(s, call, key)
  return graph.add(s.job, { kind = "key_by", verb = "key_by", where = call.at, inputs = { s.node }, key = key,
    base = ("key_by(%s)"):format(table.concat(key, ",")) })
end

method("key_by", function(s, call, what, name, ...)
  local at, input = call.at, derive.schema(s.node)
  no_more(call, "key_by", 2 + select("#", ...), 2)
  local key_field
  if s.node.shapeless and type(what) == "string" and name == nil then -- the field of a record that has no columns
    key_field = check.name(at, "key_by: the name of a field", what)
    name, what = key_field, shapeless.key(what)
  end
  if type(what) == "function" then
    name = name == nil and "key" or check.name(at, "key_by: the name of the key", name)
    if input.by_name[name] then
      fault.raise("ARGUMENT", at, ('key_by: the rows have a column "%s" already'):format(name),
        'choose another name for the key: key_by(fn, "name")')
    end
    if name:sub(1, 1) == "$" then
      fault.raise("SCHEMA", at, ('key_by: "%s": names that begin with $ are the engine\'s'):format(name))
    end
    local computed = add(s, call, "key", { fn = what, key_name = name, key_field = key_field })
    local c = freeze.content(computed, "stream")
    return stream.new(s.job, key_by(c, call, { name }), c.node)
  end
  if name ~= nil then
    fault.raise("ARGUMENT", at, ("key_by: a name is for keys made by a function, given %s"):format(check.show(name)),
      type(name) == "string" and type(what) == "string" and ('several fields: key_by { "%s", "%s" }'):format(what, name)
      or nil)
  end
  shapeless.refuse(s.node, at, "key_by: several fields")
  local fields = type(what) == "table" and not freeze.kind(what) and what or { what }
  local key, seen = {}, {}
  for i, field in ipairs(fields) do
    check.field(at, "key_by", input, field)
    if seen[field] then fault.raise("ARGUMENT", at, ('key_by: "%s" is given twice'):format(field)) end
    seen[field], key[i] = true, field
  end
  if #key == 0 then
    check.wrong(at, "key_by", "a field, a list of fields or a function", what, 'for example :key_by("user_id")')
  end
  if #key > KEY_MAX then
    fault.raise("ARGUMENT", at, ("key_by: a key has at most %d fields, given %d"):format(KEY_MAX, #key))
  end
  return stream.new(s.job, key_by(s, call, key))
end)

method("union", function(s, call, ...)
  local inputs = { s.node }
  derive.schema(s.node)
  if select("#", ...) == 0 then
    check.wrong(call.at, "union", "at least one other stream", nil, "for example a:union(b)")
  end
  for i = 1, select("#", ...) do
    local given = select(i, ...)
    local other = freeze.content(given, "stream")
    if not other then check.wrong(call.at, "union", "a stream", given) end
    if other.job ~= s.job then
      fault.raise("GRAPH", call.at,
        ('union: the streams are of two jobs, "%s" and "%s"'):format(s.job.name, other.job.name))
    end
    derive.schema(other.node)
    if other.node.shapeless ~= s.node.shapeless then shapeless.refuse(s.node.shapeless and s.node or other.node, call.at, "union") end
    inputs[#inputs + 1] = other.node
  end
  local node = graph.add(s.job, { kind = "union", verb = "union", where = call.at, inputs = inputs,
    base = graph.place_name("union", call.at) })
  derive.schema(node)
  return stream.new(s.job, node)
end)

-- Modifiers: about the operator just added.

method("named", function(s, call, name)
  check.name(call.at, "named", name)
  graph.set_name(s.job, s.node.whole or s.node, name, call.at)
  return stream.new(s.job, s.node, s.before)
end)

-- The name that the operator has in older checkpoints.
method("renamed_from", function(s, call, was)
  check.name(call.at, "renamed_from", was)
  graph.rename_from(s.job, s.node.whole or s.node, was, call.at)
  return stream.new(s.job, s.node, s.before)
end)

method("parallelism", function(s, call, n)
  check.integer(call.at, "parallelism", n, 1, 1024)
  if s.node.kind == "key_by" or s.node.kind == "route" then
    fault.raise("ARGUMENT", call.at, ("parallelism: %s only says where rows go; it has none of its own"):format(
      s.node.verb), "set it on the operator that follows")
  end
  s.node.parallelism = n
  -- A source whose fields are functions; a window whose result is one, or several.
  if s.before and s.before.kind ~= "function" then
    local node = s.node
    while node ~= s.before do
      node = node.inputs[1]
      node.parallelism = n
    end
  end
  return stream.new(s.job, s.node, s.before)
end)

method("on_error", function(s, call, value)
  ends.set_on_error(s.job, s.node, value, call.at)
  if s.before then s.before.on_error = s.node.on_error end
  graph.with_parts(s.node, function(part) part.on_error = s.node.on_error end)
  return stream.new(s.job, s.node, s.before)
end)

local RETURNS = { map = true, flat_map = true, assign = true, side = true }

-- Behind assign it says types of the columns that are assigned, of some or all of them.
local function types_of_assigns(node, call, declared)
  local assigned, made = {}, {}
  for i, assign in ipairs(node.assigns) do assigned[i], made[assign.name] = assign.name, true end
  for _, f in ipairs(declared.fields) do
    if not made[f.name] then
      fault.raise("UNKNOWN_FIELD", call.at, ('returns: assign makes no column "%s"; it makes %s'):format(f.name, suggest.list(assigned)),
        suggest.hint(f.name, assigned) or "types of other columns are declared where they are made")
    end
  end
end

method("returns", function(s, call, given)
  local node = s.node.returns_of or s.node
  if not RETURNS[node.verb] and node.kind ~= "process" then
    fault.raise("ARGUMENT", call.at,
      ("returns: %s decides its columns itself; returns is for map, flat_map, assign, process and side outputs"):format(node.verb))
  end
  if node.derived then
    fault.raise("ARGUMENT", call.at, ("returns: comes right after %s, before the next operator"):format(node.verb),
      "in front of all that reads its rows: :side and :to, too")
  end
  local declared = schema.declare(call, "returns", given)
  schema.refuse_options(call.at, "returns", declared)
  if declared.shapeless then
    shapeless.make(node, call.at)
  else
    shapeless.declare(node, call.at)
    if node.assigns then types_of_assigns(node, call, declared) end
    node.returns = declared
  end
  return stream.new(s.job, s.node, s.before)
end)

method("to", function(s, call, sink, ...)
  no_more(call, "to", 1 + select("#", ...), 1)
  derive.schema(s.node)
  derive.derive(ends.sink(s.job, s.node, sink, call.at))
  return stream.new(s.job, s.node, s.before)
end)

return stream
