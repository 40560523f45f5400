-- Operators on keyed streams: rolling count, sum, min, max, avg, aggregate, reduce, and windows.
local aggregate = require "tidemill.aggregates"
local check = require "tidemill.check"
local derive = require "tidemill.derive"
local fault = require "tidemill.fault"
local freeze = require "tidemill.freeze"
local graph = require "tidemill.graph"
local order = require "tidemill.order"
local place = require "tidemill.place"
local shapeless = require "tidemill.shapeless"
local stream = require "tidemill.stream"
local suggest = require "tidemill.suggest"

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
  props.where, props.inputs, props.key = call.at, { s.node }, s.node.key
  props.base = ("%s(%s)"):format(what, table.concat(s.node.key, ","))
  if values.emit == "final" and s.node.endless then
    fault.raise("GRAPH", call.at,
      ('%s: emit = "final" gives its rows at the end of input, and "%s" (%s) has no end'):format(
      what, s.node.endless.name, s.node.endless.where), 'use emit = "every", or a window')
  end
  props.emit = values.emit or "every"
  local node = graph.add(s.job, props)
  if values.name then graph.set_name(s.job, node, values.name, call.at) end
  node.wants_name = true
  return node
end

keyed.need_key, keyed.add = need_key, add

local function emit(at, what, v) return check.choice(at, what, v, { "every", "final" }) end
keyed.emit = emit
local ROLLING = { emit = emit, as = check.name, name = check.name }

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
  local values = check.options(call.at, "reduce", options, { emit = emit, name = check.name })
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
  local values = check.options(call.at, "aggregate", options, { emit = emit })
  values.name = name
  local node = add(s, call, { kind = "rolling", verb = "aggregate", aggregates = aggregates_of(call, "aggregate", s.node.schema, given) },
    values, "aggregate")
  derive.schema(node)
  return stream.new(s.job, node)
end)

local windowed = {}

-- An aggregate in Lua: the window gives the accumulator's fields, and a function behind it what `result` makes of them.
local function add_custom(w, call, name, made)
  local s = w.stream
  if w.window.size_ms ~= w.window.slide_ms and not made.merge then
    fault.raise("ARGUMENT", call.at, ("aggregate: merge is missing: tm.%s keeps what it has of every slice of time and merges that")
      :format(w.window.verb), "for example merge = function(a, b) a.sum = a.sum + b.sum a.n = a.n + b.n end")
  end
  local node = add(s, call, { kind = "window", verb = "aggregate", window = w.window, aggregates = {}, custom = made },
    { name = name }, "window")
  derive.schema(node)
  if not made.result then return stream.new(s.job, node) end
  local keeps = { unpack(node.key) }
  keeps[#keeps + 1], keeps[#keeps + 2] = "window_start", "window_end"
  local result = graph.add(s.job, { kind = "function", verb = "map", where = call.at, inputs = { node }, fn = made.result,
    keeps = keeps, returns = made.returns, base = node.name .. ": result" })
  return stream.new(s.job, result, node)
end

function windowed.aggregate(self, name, given, ...)
  local file, line = place.find()
  local call = { at = place.here(), file = file, line = line }
  local w = freeze.content(self, "window of a stream")
  if not w then
    fault.raise("ARGUMENT", call.at, ("aggregate: called on %s"):format(check.show(self)),
      'it follows a window: stream:window(tm.tumbling("1m")):aggregate { n = tm.count() }')
  end
  if (type(name) == "table" or freeze.kind(name)) and given == nil then name, given = nil, name end
  stream.no_more(call, "aggregate", 2 + select("#", ...), 2)
  local made = freeze.content(given, "custom aggregate")
  if made then
    if name ~= nil then check.name(call.at, "aggregate: the name", name) end
    return add_custom(w, call, name, made)
  end
  check_given(call, name, given)
  local s = w.stream
  local node = add(s, call, { kind = "window", verb = "aggregate", window = w.window,
    aggregates = aggregates_of(call, "aggregate", s.node.schema, given) }, { name = name }, "window")
  derive.schema(node)
  return stream.new(s.job, node)
end

local function windowed_index(_, key)
  if windowed[key] then return windowed[key] end
  local names = suggest.keys(windowed)
  fault.raise("UNKNOWN_NAME", place.here(),
    ("a window of a stream has no operator %s; it has %s"):format(check.show(key),
    table.concat(names, ", ")), type(key) == "string" and suggest.hint(key, names)
    or 'for example :aggregate("spend", { total = tm.sum("amount") })')
end

stream.method("window", function(s, call, window, ...)
  stream.no_more(call, "window", 1 + select("#", ...), 1)
  local w = freeze.content(window, "window")
  if not w then
    check.wrong(call.at, "window", "a window", window, 'tm.tumbling("1m") or tm.sliding("10m", "1m")')
  end
  need_key(s, call, "window")
  if not s.node.schema.time_field then
    local hint = 'say which field is the time, above the key: :watermark("ts", { out_of_order = "5s" })'
    for _, f in ipairs(s.node.schema.fields) do
      if f.type == "timestamp" and not f.hidden then
        hint = hint:gsub('"ts"', ('"%s"'):format(f.name:gsub("%%", "%%%%")))
        break
      end
    end
    fault.raise("NO_WATERMARK", call.at,
      ("window(tm.%s): the rows have no event time: no watermark above"):format(w.verb),
      hint)
  end
  return freeze.object("window of a stream", { stream = s, window = w }, windowed_index)
end)

return keyed
