-- tm.tumbling, tm.session, ...: which windows a row belongs to; tm.trigger: when a window fires. What is computed in each
-- window: aggregates.lua. What may be said of a stream's windows: windowed.lua.
local check = require "tidemill.check"
local fault = require "tidemill.fault"
local freeze = require "tidemill.freeze"
local place = require "tidemill.place"
local states = require "tidemill.states"

-- `tm`: what `require "tidemill"` has of this file.
local windows = { tm = {}, trigger = {}, evict = {} }
local tm, trigger, evict = windows.tm, windows.trigger, windows.evict

local SLICES_MAX = 10000000 -- size / slide; core/base/limits.h
local ROWS_MAX = 1000000000
local DAY = 86400000

---Has a window of this kind a begin and an end?
function windows.bounded(w) return w.kind ~= "global" and w.kind ~= "count" end

---Is it the engine's operator of slices that takes it? See tm_node_is_sliced of core/graph/graph.h.
function windows.sliced(w, custom)
  return not w.tells_end
    and (w.kind == "sliding" or w.kind == "cumulate" and not custom) and not w.processing and not w.late and not w.trigger and not w.evict
    and (w.lateness_ms or 0) == 0
end

---Are accumulators of a custom aggregate merged? See tm_node_merges.
function windows.merges(w)
  if w.evict then return false end -- the rows are
  return w.kind == "session" or w.kind == "count" and w.size_ms ~= w.slide_ms or windows.sliced(w, true) and w.slide_ms < w.size_ms
end

---The layer of its trigger that says when, without what wraps it.
function windows.trigger_of(w) return w.trigger and w.trigger[1] or {} end

---Does its trigger or its evictor look at the time of rows?
function windows.reads_time(w)
  for _, layer in ipairs(w.trigger or {}) do if layer.kind == "continuous_event_time" then return true end end
  return w.evict ~= nil and w.evict.kind == "time"
end

local function window(content) return freeze.object("window", content) end

-- What is right where an argument is wrong.
local EXAMPLES = {
  ["tm.tumbling"] = '("1m")', ["tm.sliding"] = '("10m", "1m"): ten minutes, every minute',
  ["tm.cumulate"] = '("1d", "1h"): each day so far, every hour', ["tm.session"] = '("30m"): rows that are at most half an hour apart',
  ["tm.count_window"] = '(100), or (100, 10): the last 100 rows, every 10 rows',
  ["tm.trigger.count"] = "(100)", ["tm.trigger.continuous_event_time"] = '("10s")', ["tm.trigger.continuous_processing_time"] = '("10s")',
  ["tm.trigger.processing_timeout"] = '(tm.trigger.count(100), "5s")', ["tm.evict.count"] = "(100): the last 100 rows stay",
  ["tm.trigger.purging"] = "(tm.trigger.count(100))", ["tm.trigger.delta"] = "(10, function(a, b) return b.price - a.price end)",
  ["tm.evict.delta"] = "(10, function(e, last) return last.price - e.price end)",
  ["tm.evict.time"] = '("10m"): rows less than ten minutes older than the newest stay',
}
local function example_of(what)
  local name = what:match("^[%w_.]+")
  return "for example " .. name .. (EXAMPLES[name] or "()")
end

-- More than nothing.
local function duration(at, what, value) return check.duration(at, what, value, 1, example_of(what)) end
local function rows_of(at, what, value) return check.integer(at, what, value, 1, ROWS_MAX, example_of(what)) end

local function no_more(at, what, takes, ...)
  if select("#", ...) > 0 then fault.raise("ARGUMENT", at, ("%s takes %s"):format(what, takes), example_of(what)) end
end

-- offset and processing of windows of time, into `content`.
local function options_of(at, what, options, bound, content)
  local values = check.options(at, what, options, {
    offset = bound and function(a, w, v) return check.duration(a, w, v, -366 * DAY) end or nil,
    processing = check.boolean,
  })
  content.offset_ms, content.processing = values.offset or 0, values.processing or false
  if bound and math.abs(content.offset_ms) >= bound then
    local same = check.show_duration(content.offset_ms % bound)
    fault.raise("ARGUMENT", at, ("%s: offset: must be shorter than %s, which is where windows repeat, given %s"):format(what,
      check.show_duration(bound), check.show(options.offset)), content.offset_ms % bound == 0 and "no offset gives the same windows"
      or ("offset = %s gives the same windows"):format(same))
  end
  return window(content)
end

---tm.tumbling("1m"), tm.tumbling("1d", { offset = "-8h" })
function tm.tumbling(size, options, ...)
  local at = place.here()
  size = duration(at, "tm.tumbling: size", size)
  no_more(at, "tm.tumbling", "a size and options", ...)
  return options_of(at, "tm.tumbling", options, size, { verb = "tumbling", kind = "sliding", size_ms = size, slide_ms = size })
end

---tm.sliding("10m", "1m"): the last 10 minutes, every minute.
function tm.sliding(size, slide, options, ...)
  local at = place.here()
  size = duration(at, "tm.sliding: size", size)
  slide = duration(at, "tm.sliding: slide", slide)
  no_more(at, "tm.sliding", "a size, a slide and options", ...)
  if size / slide > SLICES_MAX then
    fault.raise("ARGUMENT", at,
      ("tm.sliding: size / slide is at most %d, given %s / %s"):format(SLICES_MAX, check.show_duration(size),
      check.show_duration(slide)), "a longer slide")
  end
  return options_of(at, "tm.sliding", options, slide, { verb = "sliding", kind = "sliding", size_ms = size, slide_ms = slide })
end

---tm.cumulate("1d", "1h"): each day so far, every hour.
function tm.cumulate(size, step, options, ...)
  local at = place.here()
  size = duration(at, "tm.cumulate: size", size)
  step = duration(at, "tm.cumulate: step", step)
  no_more(at, "tm.cumulate", "a size, a step and options", ...)
  if size % step ~= 0 then
    fault.raise("ARGUMENT", at, ("tm.cumulate: the size is a multiple of the step, given %s and %s"):format(check.show_duration(size),
      check.show_duration(step)), size < step and 'the size comes first: tm.cumulate("1d", "1h")' or example_of("tm.cumulate"))
  end
  if size / step > SLICES_MAX then
    fault.raise("ARGUMENT", at, ("tm.cumulate: size / step is at most %d, given %s / %s"):format(SLICES_MAX, check.show_duration(size),
      check.show_duration(step)), "a longer step")
  end
  return options_of(at, "tm.cumulate", options, size, { verb = "cumulate", kind = "cumulate", size_ms = size, slide_ms = step })
end

---tm.session("30m"): rows that are at most 30 minutes apart. tm.session(function(e) return e.ms end): as far as each row says.
function tm.session(gap, options, ...)
  local at = place.here()
  local fn = type(gap) == "function" and gap or nil
  gap = fn and 1 or duration(at, "tm.session: gap", gap)
  no_more(at, "tm.session", "a gap and options", ...)
  return options_of(at, "tm.session", options, nil, { verb = "session", kind = "session", size_ms = gap, slide_ms = gap, gap = fn })
end

---tm.global(): one window of all rows; its trigger says when it fires.
function tm.global(...)
  local at = place.here()
  no_more(at, "tm.global", "nothing", ...)
  return window { verb = "global", kind = "global", size_ms = 0, slide_ms = 0, offset_ms = 0, processing = false }
end

---tm.count_window(100), tm.count_window(100, 10): the last 100 rows, every 10 rows.
function tm.count_window(size, slide, ...)
  local at = place.here()
  rows_of(at, "tm.count_window: size", size)
  if slide ~= nil then rows_of(at, "tm.count_window: slide", slide) end
  no_more(at, "tm.count_window", "a size and a slide, in rows", ...)
  return window { verb = "count_window", kind = "count", size_ms = size, slide_ms = slide or size, offset_ms = 0, processing = false }
end

-- --- triggers
-- ----------------------------------------------------------------------------------------------------------------------

local CUSTOM = 'for example { element = function(ctx, e) return e.last and "fire" or "continue" end }'

-- A threshold, and a function that says how far two rows are apart.
local function delta_of(at, what, threshold, fn)
  local example = ("for example %s(10, function(a, b) return b.price - a.price end)"):format(what)
  if type(threshold) ~= "number" or threshold ~= threshold then
    check.wrong(at, what .. ": the threshold", "a number", threshold, example)
  end
  check.func(at, what, fn, example)
  return threshold, fn
end

-- A trigger is a list of layers, the innermost first: { kind, value, flags }, enum tm_trigger_kind.
local function made(name, layers, props)
  props = props or {}
  return freeze.object("trigger", { name = name, layers = layers, merges = props.merges ~= false, event_time = props.event_time,
    needs = props.needs, times_out = props.times_out, custom = props.custom })
end

---At the end of the window, by the watermark; and on each late row that is allowed.
function trigger.event_time(...)
  no_more(place.here(), "tm.trigger.event_time", "nothing", ...)
  return made("event_time", { { kind = "event_time" } }, { event_time = true })
end

---At the end of the window, by the clock.
function trigger.processing_time(...)
  no_more(place.here(), "tm.trigger.processing_time", "nothing", ...)
  return made("processing_time", { { kind = "processing_time" } }, { needs = "bounds" })
end

---Every n rows of a window.
function trigger.count(n, ...)
  local at = place.here()
  rows_of(at, "tm.trigger.count", n)
  no_more(at, "tm.trigger.count", "a number of rows", ...)
  return made("count", { { kind = "count", value = n } })
end

---Every so often within a window, by the watermark, and at its end.
function trigger.continuous_event_time(interval, ...)
  local at = place.here()
  interval = duration(at, "tm.trigger.continuous_event_time: interval", interval)
  no_more(at, "tm.trigger.continuous_event_time", "an interval", ...)
  return made("continuous_event_time", { { kind = "continuous_event_time", value = interval } }, { event_time = true })
end

---Every so often within a window, by the clock.
function trigger.continuous_processing_time(interval, ...)
  local at = place.here()
  interval = duration(at, "tm.trigger.continuous_processing_time: interval", interval)
  no_more(at, "tm.trigger.continuous_processing_time", "an interval", ...)
  return made("continuous_processing_time", { { kind = "continuous_processing_time", value = interval } })
end

---Never.
function trigger.never(...)
  no_more(place.here(), "tm.trigger.never", "nothing", ...)
  return made("never", { { kind = "never" } }, { merges = false })
end

---At the end of the input.
function trigger.end_of_stream(...)
  no_more(place.here(), "tm.trigger.end_of_stream", "nothing", ...)
  return made("end_of_stream", { { kind = "end_of_stream" } }, { merges = false, needs = "global" })
end

local function wrap(name, inner, layer, props)
  local layers = { unpack(inner.layers) }
  layers[#layers + 1] = layer
  return made(("%s(%s)"):format(name, inner.name), layers, { merges = inner.merges and props.merges ~= false, event_time = inner.event_time,
    needs = inner.needs, times_out = inner.times_out or props.times_out, custom = inner.custom })
end

local FUNCTIONS = { "element", "event_time", "processing_time", "merge", "clear" }

-- What a job gives as a trigger: one of ours, or a table of its own functions.
local function content_of(given)
  local found = freeze.content(given, "trigger")
  if found or type(given) ~= "table" or freeze.kind(given) then return found end
  local file, line = place.find()
  local call = { at = place.here(), file = file, line = line }
  local spec = { state = function(_, _, v) return v end }
  for _, name in ipairs(FUNCTIONS) do spec[name] = check.func end
  local values = check.options(call.at, "trigger", given, spec)
  if not values.element then
    fault.raise("ARGUMENT", call.at, "trigger: element is missing: what a row does", CUSTOM)
  end
  local asked = { states = states.declare(call, "trigger", values.state, true) }
  for _, state in ipairs(asked.states) do
    if state.ttl.ms or (state.kind ~= "value" and state.kind ~= "reducing") then
      fault.raise("ARGUMENT", call.at, ("trigger: state %q: a trigger keeps tm.value and tm.reducing, as long as "
        .. "the window lives"):format(state.name), "what is to be kept beyond the window belongs to a process behind it")
    end
  end
  for _, name in ipairs(FUNCTIONS) do asked[name] = values[name] end
  return freeze.content(made("custom", { { kind = "custom", asked = asked } }, { merges = values.merge ~= nil, custom = true }))
end
windows.trigger_content = content_of

local function inner_of(at, what, given)
  local inner = content_of(given)
  if not inner then check.wrong(at, what, "a trigger", given, "for example tm.trigger.count(100)") end
  return inner
end

---When a row is further than the threshold from the one that fired last, says the function.
function trigger.delta(threshold, fn, ...)
  local at = place.here()
  threshold, fn = delta_of(at, "tm.trigger.delta", threshold, fn)
  no_more(at, "tm.trigger.delta", "a threshold and a function", ...)
  return made("delta", { { kind = "delta", threshold = threshold, fn = fn } }, { merges = false })
end

---What the trigger fires is thrown away after.
function trigger.purging(inner, ...)
  local at = place.here()
  inner = inner_of(at, "tm.trigger.purging", inner)
  no_more(at, "tm.trigger.purging", "a trigger", ...)
  return wrap("purging", inner, { kind = "purging" }, {})
end

-- Timeouts clear what is nested in them: that is the engine's to do only where it is the engine's.
local function no_custom(at, inner)
  if inner.custom then
    fault.raise("ARGUMENT", at, "tm.trigger.processing_timeout: a custom trigger has timers of its own",
      "ctx:timer_processing(ctx.now + 5000) in its element, processing_time beside it")
  end
end

local RESET, KEEP = 1, 2 -- enum tm_timeout_flag

---When the trigger does; or some time after the first row since, by the clock.
function trigger.processing_timeout(inner, timeout, options, ...)
  local at = place.here()
  inner = inner_of(at, "tm.trigger.processing_timeout", inner)
  timeout = duration(at, "tm.trigger.processing_timeout: timeout", timeout)
  no_more(at, "tm.trigger.processing_timeout", "a trigger, a timeout and options", ...)
  local values = check.options(at, "tm.trigger.processing_timeout", options, { reset = check.boolean, clear = check.boolean })
  no_custom(at, inner)
  if inner.times_out then
    fault.raise("ARGUMENT", at, ("tm.trigger.processing_timeout: %s has a timeout already"):format(inner.name), "give it the shorter one")
  end
  local flags = (values.reset and RESET or 0) + (values.clear == false and KEEP or 0)
  return wrap("processing_timeout", inner, { kind = "processing_timeout", value = timeout, flags = flags },
    { merges = false, times_out = true })
end

-- --- evictors
-- ----------------------------------------------------------------------------------------------------------------------

local function evictor(at, what, options, content, ...)
  no_more(at, what, content.takes .. " and options", ...)
  local values = check.options(at, what, options, { after = check.boolean })
  return freeze.object("evictor", { kind = content.kind, value = content.value, fn = content.fn, after = values.after or false })
end

---tm.evict.count(100): the last 100 rows stay.
function evict.count(n, options, ...)
  local at = place.here()
  rows_of(at, "tm.evict.count", n)
  return evictor(at, "tm.evict.count", options, { kind = "count", value = n, takes = "a number of rows" }, ...)
end

---tm.evict.time("10m"): rows that are less than 10 minutes older than the newest stay.
function evict.time(age, options, ...)
  local at = place.here()
  age = duration(at, "tm.evict.time", age)
  return evictor(at, "tm.evict.time", options, { kind = "time", value = age, takes = "a duration" }, ...)
end

---tm.evict.delta(10, function(e, last) return last.price - e.price end): rows that are less than that from the last stay.
function evict.delta(threshold, fn, options, ...)
  local at = place.here()
  threshold, fn = delta_of(at, "tm.evict.delta", threshold, fn)
  return evictor(at, "tm.evict.delta", options, { kind = "delta", value = threshold, fn = fn, takes = "a threshold, a function" }, ...)
end

return windows
