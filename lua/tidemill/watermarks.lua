-- stream:watermark: how far event time is. The event time is a column, or what a function gives; the watermark follows it by
-- bounded disorder, or by a generator of the job's own (tm.watermarks, lua/codegen/accumulate.lua).
local check = require "tidemill.check"
local custom = require "tidemill.custom"
local derive = require "tidemill.derive"
local fault = require "tidemill.fault"
local freeze = require "tidemill.freeze"
local graph = require "tidemill.graph"
local schema = require "tidemill.schema"
local shapeless = require "tidemill.shapeless"
local stream = require "tidemill.stream"
local type_text = require "tidemill.type_text"

local watermarks = {}

local IDLE_MS = 30000 -- SEMANTICS, Departures: idleness detection is on

-- --- a generator
-- -------------------------------------------------------------------------------------------------------------------

local EXAMPLE = "for example tm.watermarks { state = { max = \"timestamp\" }, "
  .. "event = function(state, e, time) state.max = math.max(state.max or time, time) end, "
  .. "periodic = function(state) return state.max and state.max - 5001 end }"

local FIXED = { bool = true, int = true, int64 = true, double = true, decimal = true, timestamp = true }

---tm.watermarks { state = { max = "timestamp" }, event = function(state, e, time) ... end, periodic = function(state) ... end }
---@param call table { at =, file =, line = }
function watermarks.new(call, given)
  if type(given) ~= "table" or freeze.kind(given) then check.wrong(call.at, "tm.watermarks", "a table", given, EXAMPLE) end
  for _, name in ipairs { "align", "idle", "interval", "out_of_order" } do
    if given[name] ~= nil then
      fault.raise("OPTION", call.at, ("tm.watermarks: %s is an option of :watermark"):format(name),
        ('give it there: :watermark("ts", { generator = made, %s = ... })'):format(name))
    end
  end
  local function any(_, _, v) return v end
  local values = check.options(call.at, "tm.watermarks", given, { state = any, event = check.func, periodic = check.func })
  if values.state == nil then
    fault.raise("ARGUMENT", call.at, "tm.watermarks: state is missing: the fields that it keeps of each split, with their types", EXAMPLE)
  end
  if not values.event then
    fault.raise("ARGUMENT", call.at, "tm.watermarks: event is missing: what a record changes in the state, or the watermark that it gives",
      EXAMPLE)
  end
  local s, defaults = custom.accumulator(call, "tm.watermarks: state", values.state)
  for _, f in ipairs(s.fields) do
    if not FIXED[type_text.kind(f.type)] then
      fault.raise("TYPE", call.at, ("tm.watermarks: state: %s is %s; a generator keeps numbers, times and booleans"):format(f.name, f.type),
        "a text that event needs it finds in the record")
    end
  end
  return freeze.object("watermark generator", { schema = s, defaults = defaults, event = values.event, periodic = values.periodic })
end

-- --- the operator
-- --------------------------------------------------------------------------------------------------------------------

local function align(at, what, given)
  if type(given) ~= "table" or freeze.kind(given) then
    check.wrong(at, what, "a table", given, 'for example align = { group = "payments", drift = "10s" }')
  end
  local values = check.options(at, what, given, { group = check.name,
    drift = function(a, w, v) return check.duration(a, w, v, 1) end })
  if not values.group then
    fault.raise("ARGUMENT", at, what .. ": group is missing: the sources of a group wait for each other",
      'for example align = { group = "payments", drift = "10s" }')
  end
  if not values.drift then
    fault.raise("ARGUMENT", at, what .. ": drift is missing: how far a source may be ahead of the last of its group",
      ('for example align = { group = "%s", drift = "10s" }'):format(values.group))
  end
  return values
end

local OPTIONS = {
  out_of_order = function(at, what, v) return check.duration(at, what, v, 0) end,
  idle = function(at, what, v)
    if v == false then return 0 end
    if v == 0 then
      fault.raise("ARGUMENT", at, what .. ": must be longer than nothing, given 0", "idle = false: a silent source holds time for ever")
    end
    return check.duration(at, what, v, 1)
  end,
  interval = function(at, what, v) return check.duration(at, what, v, 1) end,
  generator = function(at, what, v)
    local made = freeze.content(v, "watermark generator")
    if not made then check.wrong(at, what, "a generator made by tm.watermarks", v, EXAMPLE) end
    return made
  end,
  align = align,
}

-- The event time that a function gives, as a hidden column.
local function timed(s, call, fn)
  local node = graph.add(s.job, { kind = "function", verb = "event_time", where = call.at, inputs = { s.node }, fn = fn,
    key_name = schema.TIME, base = graph.place_name("event_time", call.at) })
  derive.schema(node)
  return node
end

stream.method("watermark", function(s, call, field, options, ...)
  stream.no_more(call, "watermark", 2 + select("#", ...), 2)
  local input = derive.schema(s.node)
  shapeless.refuse(s.node, call.at, "watermark")
  local given = type(field) == "function"
  if not given then check.field(call.at, "watermark", input, field) end
  local values = check.options(call.at, "watermark", options, OPTIONS)
  if values.generator and values.out_of_order then
    fault.raise("OPTION", call.at, "watermark: out_of_order is of the built-in generator, and there is one of your own",
      "leave out_of_order out; the generator says what it gives")
  end
  local before = given and timed(s, call, field) or nil
  field = given and schema.TIME or field
  local node = graph.add(s.job, { kind = "watermark", verb = "watermark", where = call.at, inputs = { before or s.node },
    field = field, disorder_ms = values.out_of_order or 0, idle_ms = values.idle or IDLE_MS, interval_ms = values.interval,
    align = values.align, generator = values.generator,
    base = given and graph.place_name("watermark", call.at) or ("watermark(%s)"):format(field) })
  derive.schema(node)
  return stream.new(s.job, node, before)
end)

return watermarks
