-- Operators on keyed streams: rolling count, sum, min, max, avg, aggregate, reduce. Windows: windowed.lua.
local aggregate = require "tidemill.aggregates"
local check = require "tidemill.check"
local derive = require "tidemill.derive"
local fault = require "tidemill.fault"
local freeze = require "tidemill.freeze"
local graph = require "tidemill.graph"
local order = require "tidemill.order"
local shapeless = require "tidemill.shapeless"
local stream = require "tidemill.stream"

local keyed = {}

local function need_key(s, call, what, why)
  derive.schema(s.node)
  if s.node.kind ~= "key_by" then
    fault.raise("GRAPH", call.at, ("%s: the stream has no key%s"):format(what, why and ": " .. why or ""),
      ('put the key right before it: :key_by("field"):%s'):format(what))
  end
end

-- What an operator that keeps state must say of its input and of its name.
local function add(s, call, props, values, what)
  local key = s.node.kind == "key_by" and s.node.key or {} -- without one: the whole stream
  props.where, props.inputs, props.key = call.at, props.inputs or { s.node }, key
  props.base = ("%s(%s)"):format(what, table.concat(key, ","))
  if values.emit == "final" and s.node.endless then
    fault.raise("GRAPH", call.at,
      ('%s: emit = "final" gives its rows at the end of input, and "%s" (%s) has no end'):format(
      what, s.node.endless.name, s.node.endless.where), 'use emit = "every", or a window')
  end
  props.emit = values.emit or "every"
  local node = graph.add(s.job, props)
  if values.name then graph.set_name(s.job, node, values.name, call.at) end
  if values.renamed_from then graph.rename_from(s.job, node, values.renamed_from, call.at) end
  node.wants_name = true
  return node
end

keyed.need_key, keyed.add = need_key, add

local function emit(at, what, v) return check.choice(at, what, v, { "every", "final" }) end
keyed.emit = emit
local ROLLING = { emit = emit, as = check.name, name = check.name, renamed_from = check.name }

local function rolling(s, call, kind, field, options)
  need_key(s, call, kind)
  if field then shapeless.refuse(s.node, call.at, kind) end
  if field then check.field(call.at, kind, s.node.schema, field) end
  local values = check.options(call.at, kind, options, ROLLING)
  local node = add(s, call, { kind = "rolling", verb = kind,
    aggregates = { { verb = kind, kind = kind, field = field, name = values.as or kind } } }, values, kind)
  derive.schema(node)
  return stream.new(s.job, node)
end

stream.method("count", function(s, call, options, ...)
  stream.no_more(call, "count", 1 + select("#", ...), 1)
  return rolling(s, call, "count", nil, options)
end)

for _, kind in ipairs { "sum", "min", "max", "avg" } do
  stream.method(kind, function(s, call, field, options, ...)
    stream.no_more(call, kind, 2 + select("#", ...), 2)
    if type(field) ~= "string" then
      check.wrong(call.at, kind, "the name of a field", field, ('for example :%s("amount")'):format(kind))
    end
    return rolling(s, call, kind, field, options)
  end)
end

stream.method("reduce", function(s, call, name, fn, options, ...)
  if type(name) == "function" then
    stream.no_more(call, "reduce without a name", 2 + select("#", options, ...), 3)
    name, fn, options = nil, name, fn
  else
    stream.no_more(call, "reduce", 3 + select("#", ...), 3)
    check.name(call.at, "reduce: the name", name)
  end
  need_key(s, call, "reduce")
  shapeless.refuse(s.node, call.at, "reduce")
  check.func(call.at, "reduce", fn, 'for example :reduce("latest", function(a, e) return e end)')
  local values = check.options(call.at, "reduce", options, { emit = emit, name = check.name, renamed_from = check.name })
  if name and values.name then
    fault.raise("ARGUMENT", call.at, "reduce: the name is given twice, in front and as an option")
  end
  values.name = name or values.name
  return stream.new(s.job, add(s, call, { kind = "reduce", verb = "reduce", fn = fn }, values, "reduce"))
end)

local AGGREGATES = { "tm.list" }
for name in pairs(aggregate.tm) do
  if name ~= "count" and name ~= "sum" then AGGREGATES[#AGGREGATES + 1] = "tm." .. name end
end
table.sort(AGGREGATES)

local function aggregates_of(call, what, input, given)
  local aggregates = {}
  for k, v in pairs(given) do
    if type(k) ~= "string" then
      check.wrong(call.at, what, "a name for every aggregate", k,
        'for example { n = tm.count(), total = tm.sum("amount") }')
    end
    if freeze.kind(v) == "custom aggregate" then
      fault.raise("ARGUMENT", call.at, ('%s: "%s": an aggregate made by tm.aggregate stands alone, and its result has columns of its own')
        :format(what, check.name(call.at, what .. ": the name of an aggregate", k)),
        'aggregate("name", tm.aggregate { ... }); what stands beside it can be fields of its accumulator')
    end
    if not aggregate.of(v) then
      check.wrong(call.at, ('%s: "%s"'):format(what, check.name(call.at, what .. ": the name of an aggregate", k)),
        "one of tm.count(), tm.sum(field), " .. table.concat(AGGREGATES, ", "), v,
        type(v) == "function" and "they are called: tm.count(), tm.sum(\"amount\")" or type(v) == "string" and aggregate.tm[v]
        and ("tm.%s is a function: tm.%s(%s)"):format(v, v, v == "count" and "" or '"..."') or nil)
    end
  end
  for i, name in ipairs(order.keys(given, call.file, call.line)) do
    if name:sub(1, 1) == "$" then
      fault.raise("SCHEMA", call.at, ('%s: "%s": names that begin with $ are the engine\'s'):format(what, name))
    end
    local a = aggregate.of(given[name])
    local said = ("%s: %s = %s"):format(what, name, aggregate.show(a))
    if a.field then check.field(call.at, said, input, a.field) end
    if a.by then check.field(call.at, said, input, a.by) end
    aggregates[i] = { verb = a.verb, kind = a.kind, field = a.field, by = a.by, q = a.q, limit = a.limit, name = name }
  end
  return aggregates
end

local EXAMPLE = 'for example :aggregate("spend", { n = tm.count(), total = tm.sum("amount") })'

-- What both forms of aggregate take: the name, then a table.
local function check_given(call, name, given)
  if name ~= nil then check.name(call.at, "aggregate: the name", name) end
  if type(given) ~= "table" or freeze.kind(given) or next(given) == nil then
    check.wrong(call.at, "aggregate", "a table of aggregates", given, EXAMPLE)
  end
end

-- Over all rows of a key so far, as count and sum alone.
stream.method("aggregate", function(s, call, name, given, options, ...)
  if type(name) == "table" or freeze.kind(name) then
    stream.no_more(call, "aggregate without a name", 2 + select("#", options, ...), 3)
    name, given, options = nil, name, given
  else
    stream.no_more(call, "aggregate", 3 + select("#", ...), 3)
  end
  need_key(s, call, "aggregate")
  if freeze.kind(given) == "custom aggregate" then
    fault.raise("ARGUMENT", call.at, "aggregate: an aggregate made by tm.aggregate is of windows",
      'without a window, reduce folds the rows of a key: :reduce("name", function(a, e) ... end)')
  end
  check_given(call, name, given)
  local values = check.options(call.at, "aggregate", options, { emit = emit, renamed_from = check.name })
  values.name = name
  local node = add(s, call, { kind = "rolling", verb = "aggregate", aggregates = aggregates_of(call, "aggregate", s.node.schema, given) },
    values, "aggregate")
  derive.schema(node)
  return stream.new(s.job, node)
end)

keyed.aggregates_of, keyed.check_given = aggregates_of, check_given

return keyed
