-- Operators on keyed streams that keep whole rows or know them again: distinct, dedup, top, min_by, max_by.
local check = require "tidemill.check"
local derive = require "tidemill.derive"
local fault = require "tidemill.fault"
local freeze = require "tidemill.freeze"
local keyed = require "tidemill.keyed"
local shapeless = require "tidemill.shapeless"
local stream = require "tidemill.stream"

local ranked = {}

-- --- distinct, dedup

local NEVER = "never" -- as of states: kept for ever, and meant so

local function ttl(at, what, v) return v == NEVER and v or check.duration(at, what, v, 1, 'for example "1h"') end

local function add_distinct(s, call, verb, identity, values)
  local s_or_key = table.concat(identity or s.node.key, ",")
  local node = keyed.add(s, call, { kind = "distinct", verb = verb, identity = identity,
    ttl_ms = values.ttl ~= NEVER and values.ttl or nil }, values, verb)
  if not values.ttl and node.endless then
    node.findings = { { severity = "warning", code = "UNBOUNDED_STATE", where = call.at,
      message = ('"%s" remembers every %s of "%s" (%s), which has no end: its memory grows with them'):format(node.name,
        identity and s_or_key or "row", node.endless.name, node.endless.where),
      hint = verb == "distinct" and 'forget them after a time: distinct { ttl = "1h" }; ttl = "never" says that it is meant'
        or 'forget them after a time: dedup("id", "1h"); "never" says that it is meant' } }
  end
  derive.schema(node)
  return stream.new(s.job, node)
end

local OPTIONS = { ttl = ttl, name = check.name, renamed_from = check.name }

stream.method("distinct", function(s, call, options, ...)
  stream.no_more(call, "distinct", 1 + select("#", ...), 1)
  keyed.need_key(s, call, "distinct")
  return add_distinct(s, call, "distinct", nil, check.options(call.at, "distinct", options, OPTIONS))
end)

stream.method("dedup", function(s, call, fields, options, ...)
  stream.no_more(call, "dedup", 2 + select("#", ...), 2)
  keyed.need_key(s, call, "dedup")
  local list = type(fields) == "table" and not freeze.kind(fields) and fields or { fields }
  local identity, seen = {}, {}
  shapeless.refuse(s.node, call.at, "dedup")
  for i, name in ipairs(list) do
    check.field(call.at, "dedup", s.node.schema, name)
    if seen[name] then fault.raise("ARGUMENT", call.at, ('dedup: "%s" is given twice'):format(name)) end
    seen[name], identity[i] = true, name
  end
  if #identity == 0 then
    check.wrong(call.at, "dedup", "a field or a list of fields", fields, 'for example :dedup("order_id", "1h")')
  end
  if type(options) == "string" or type(options) == "number" then options = { ttl = options } end
  return add_distinct(s, call, "dedup", identity, check.options(call.at, "dedup", options, OPTIONS))
end)

-- --- top, min_by, max_by

local function by_field(s, call, verb, field, example)
  if type(field) == "function" then
    fault.raise("ARGUMENT", call.at, ("%s: rows are ordered by a field, given a function"):format(verb),
      ('make it a column first, above key_by: :assign { rank_by = function(e) return ... end }, then %s'):format(example))
  end
  if type(field) ~= "string" then check.wrong(call.at, verb, "the name of a field", field, "for example :" .. example) end
  shapeless.refuse(s.node, call.at, verb)
  check.field(call.at, verb, s.node.schema, field)
end

for verb, descending in pairs { min_by = false, max_by = true } do
  stream.method(verb, function(s, call, field, options, ...)
    stream.no_more(call, verb, 2 + select("#", ...), 2)
    keyed.need_key(s, call, verb)
    by_field(s, call, verb, field, verb .. '("price")')
    local values = check.options(call.at, verb, options, { emit = keyed.emit, name = check.name, renamed_from = check.name })
    local node = keyed.add(s, call, { kind = "extreme", verb = verb, by = field, descending = descending, limit = 1 }, values,
      verb)
    derive.schema(node)
    return stream.new(s.job, node)
  end)
end

local LIMIT_MAX = 10000 -- TM_RANKING_MAX

stream.method("top", function(s, call, n, field, options, ...)
  stream.no_more(call, "top", 3 + select("#", ...), 3)
  keyed.need_key(s, call, "top")
  check.integer(call.at, "top: the number of rows", n, 1, LIMIT_MAX)
  by_field(s, call, "top", field, 'top(3, "price")')
  local values = check.options(call.at, "top", options, {
    emit = keyed.emit, name = check.name, renamed_from = check.name, rank = check.name,
    order = function(at, what, v) return check.choice(at, what, v, { "desc", "asc" }) end,
  })
  if values.rank and s.node.schema.by_name[values.rank] then
    fault.raise("SCHEMA", call.at, ('top: the rows have a column "%s" already'):format(values.rank),
      'give the place another name: rank = "place"')
  end
  if values.rank and values.rank:sub(1, 1) == "$" then
    fault.raise("SCHEMA", call.at, ('top: "%s": names that begin with $ are the engine\'s'):format(values.rank))
  end
  local node = keyed.add(s, call, { kind = "top", verb = "top", by = field, descending = values.order ~= "asc", limit = n,
    rank = values.rank }, values, "top")
  derive.schema(node)
  return stream.new(s.job, node)
end)

return ranked
