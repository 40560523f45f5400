-- How rows go on: rebalance, broadcast, forward, partition, chain; and peek, which shows them on the way.
local check = require "tidemill.check"
local derive = require "tidemill.derive"
local fault = require "tidemill.fault"
local freeze = require "tidemill.freeze"
local graph = require "tidemill.graph"
local stream = require "tidemill.stream"

local routes = {}

-- An operator that rows pass untouched.
local function add(s, call, props, before)
  props.where, props.inputs = call.at, { s.node }
  props.base = graph.place_name(props.verb, call.at)
  local node = graph.add(s.job, props)
  derive.schema(node)
  return stream.new(s.job, node, before)
end

local function not_keyed(s, call, verb)
  derive.schema(s.node)
  if s.node.kind == "key_by" then
    fault.raise("GRAPH", call.at, ("%s: rows with a key go where their key belongs"):format(verb),
      verb == "peek" and "put it in front of key_by, which stands right before the operator that keeps state"
      or "leave one of the two out, or put it in front of key_by")
  end
end

for _, verb in ipairs { "rebalance", "broadcast", "forward" } do
  stream.method(verb, function(s, call, ...)
    stream.no_more(call, verb, select("#", ...), 0)
    not_keyed(s, call, verb)
    return add(s, call, { kind = "route", verb = verb, partition = verb })
  end)
end

routes.NUMBER = "$partition" -- the hidden column that partition's function becomes

stream.method("partition", function(s, call, fn, ...)
  check.func(call.at, "partition", fn, "for example :partition(function(e) return e.shard end)")
  stream.no_more(call, "partition", 1 + select("#", ...), 1)
  not_keyed(s, call, "partition")
  local node = graph.add(s.job, { kind = "function", verb = "partition", where = call.at, inputs = { s.node }, fn = fn,
    key_name = routes.NUMBER, base = graph.place_name("partition", call.at) })
  derive.schema(node)
  return add({ job = s.job, node = node }, call, { kind = "route", verb = "partition", partition = "column",
    field = routes.NUMBER }, node)
end)

stream.method("chain", function(s, call, mode, ...)
  stream.no_more(call, "chain", 1 + select("#", ...), 1)
  check.choice(call.at, "chain", mode, { "always", "never" })
  if s.node.kind == "key_by" or s.node.kind == "route" then
    fault.raise("ARGUMENT", call.at, ("chain: %s only says where rows go; it does no work of its own"):format(s.node.verb),
      "set it on the operator that follows")
  end
  if mode == "always" and #s.node.inputs ~= 1 then
    fault.raise("ARGUMENT", call.at, ('chain: "always" is for operators that follow one other; %s follows %s'):format(
      s.node.verb, #s.node.inputs == 0 and "none" or "several"))
  end
  s.node.chaining = mode
  graph.with_parts(s.node, function(part) part.chaining = mode end)
  return stream.new(s.job, s.node, s.before)
end)

stream.method("peek", function(s, call, name, options, ...)
  if type(name) == "table" and not freeze.kind(name) and options == nil then name, options = nil, name end
  stream.no_more(call, "peek", 2 + select("#", ...), 2)
  if name ~= nil then check.name(call.at, "peek: the name", name) end
  not_keyed(s, call, "peek")
  local values = check.options(call.at, "peek", options, {
    limit = function(at, what, v) return check.integer(at, what, v, 1, 2 ^ 53) end,
  })
  local peeked = add(s, call, { kind = "peek", verb = "peek",
    options = values.limit and { { name = "limit", value = values.limit } } or {} })
  if name then graph.set_name(s.job, freeze.content(peeked, "stream").node, name, call.at) end
  return peeked
end)

return routes
