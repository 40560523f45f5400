-- tm.tumbling, tm.session, ...: which windows a row belongs to; tm.trigger: when a window fires. What is computed in each
-- window: aggregates.lua. What may be said of a stream's windows: windowed.lua.
local check = require "tidemill.check"
local fault = require "tidemill.fault"
local freeze = require "tidemill.freeze"
local place = require "tidemill.place"

-- `tm`: what `require "tidemill"` has of this file.
local windows = { tm = {}, trigger = {} }
local tm, trigger = windows.tm, windows.trigger

local SLICES_MAX = 10000000 -- size / slide; core/base/limits.h
local ROWS_MAX = 1000000000
local DAY = 86400000

---Has a window of this kind a begin and an end?
function windows.bounded(w) return w.kind ~= "global" and w.kind ~= "count" end

---Is it the engine's operator of slices that takes it? See tm_node_is_sliced of core/graph/graph.h.
function windows.sliced(w, custom)
  return (w.kind == "sliding" or w.kind == "cumulate" and not custom) and not w.processing and not w.late and not w.trigger
    and (w.lateness_ms or 0) == 0
end

---Are accumulators of a custom aggregate merged? See tm_node_merges.
function windows.merges(w)
  return w.kind == "session" or w.kind == "count" and w.size_ms ~= w.slide_ms or windows.sliced(w, true) and w.slide_ms < w.size_ms
end

---Does its trigger look at the time of rows?
function windows.reads_time(w)
  for _, layer in ipairs(w.trigger or {}) do if layer.kind == "continuous_event_time" then return true end end
  return false
end

local function window(content) return freeze.object("window", content) end

local function no_more(at, what, takes, ...)
  if select("#", ...) > 0 then fault.raise("ARGUMENT", at, ("%s takes %s"):format(what, takes)) end
end

-- offset and processing of windows of time, into `content`.
local function options_of(at, what, options, bound, content)
  local values = check.options(at, what, options, {
    offset = bound and function(a, w, v) return check.duration(a, w, v, -366 * DAY) end or nil,
    processing = check.boolean,
  })
  content.offset_ms, content.processing = values.offset or 0, values.processing or false
  if bound and math.abs(content.offset_ms) >= bound then
    fault.raise("ARGUMENT", at, ("%s: the offset (%.0f ms) must be shorter than %.0f ms"):format(what, content.offset_ms, bound))
  end
  return window(content)
end

---tm.tumbling("1m"), tm.tumbling("1d", { offset = "-8h" })
function tm.tumbling(size, options, ...)
  local at = place.here()
  size = check.duration(at, "tm.tumbling: size", size, 1)
  no_more(at, "tm.tumbling", "a size and options", ...)
  return options_of(at, "tm.tumbling", options, size, { verb = "tumbling", kind = "sliding", size_ms = size, slide_ms = size })
end

---tm.sliding("10m", "1m"): the last 10 minutes, every minute.
function tm.sliding(size, slide, options, ...)
  local at = place.here()
  size = check.duration(at, "tm.sliding: size", size, 1)
  slide = check.duration(at, "tm.sliding: slide", slide, 1)
  no_more(at, "tm.sliding", "a size, a slide and options", ...)
  if size / slide > SLICES_MAX then
    fault.raise("ARGUMENT", at,
      ("tm.sliding: size / slide is at most %d, given %.0f / %.0f ms"):format(SLICES_MAX, size,
      slide))
  end
  return options_of(at, "tm.sliding", options, slide, { verb = "sliding", kind = "sliding", size_ms = size, slide_ms = slide })
end

---tm.cumulate("1d", "1h"): each day so far, every hour.
function tm.cumulate(size, step, options, ...)
  local at = place.here()
  size = check.duration(at, "tm.cumulate: size", size, 1)
  step = check.duration(at, "tm.cumulate: step", step, 1)
  no_more(at, "tm.cumulate", "a size, a step and options", ...)
  if size % step ~= 0 then
    fault.raise("ARGUMENT", at, ("tm.cumulate: the size is a multiple of the step, given %.0f and %.0f ms"):format(size, step),
      size < step and 'the size comes first: tm.cumulate("1d", "1h")' or nil)
  end
  if size / step > SLICES_MAX then
    fault.raise("ARGUMENT", at, ("tm.cumulate: size / step is at most %d, given %.0f / %.0f ms"):format(SLICES_MAX, size, step))
  end
  return options_of(at, "tm.cumulate", options, size, { verb = "cumulate", kind = "cumulate", size_ms = size, slide_ms = step })
end

---tm.session("30m"): rows that are at most 30 minutes apart.
function tm.session(gap, options, ...)
  local at = place.here()
  if type(gap) == "function" then
    fault.raise("ARGUMENT", at, "tm.session: a gap that a function computes is not supported; a duration is",
      'for example tm.session("30m")')
  end
  gap = check.duration(at, "tm.session: gap", gap, 1)
  no_more(at, "tm.session", "a gap and options", ...)
  return options_of(at, "tm.session", options, nil, { verb = "session", kind = "session", size_ms = gap, slide_ms = gap })
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
  check.integer(at, "tm.count_window: size", size, 1, ROWS_MAX)
  if slide ~= nil then check.integer(at, "tm.count_window: slide", slide, 1, ROWS_MAX) end
  no_more(at, "tm.count_window", "a size and a slide, in rows", ...)
  return window { verb = "count_window", kind = "count", size_ms = size, slide_ms = slide or size, offset_ms = 0, processing = false }
end

-- --- triggers
-- ----------------------------------------------------------------------------------------------------------------------

-- A trigger is a list of layers, the innermost first: { kind, value, flags }, enum tm_trigger_kind.
local function made(name, layers, props)
  props = props or {}
  return freeze.object("trigger", { name = name, layers = layers, merges = props.merges ~= false, event_time = props.event_time,
    needs = props.needs, times_out = props.times_out })
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
  check.integer(at, "tm.trigger.count", n, 1, ROWS_MAX)
  no_more(at, "tm.trigger.count", "a number of rows", ...)
  return made("count", { { kind = "count", value = n } })
end

---Every so often within a window, by the watermark, and at its end.
function trigger.continuous_event_time(interval, ...)
  local at = place.here()
  interval = check.duration(at, "tm.trigger.continuous_event_time: interval", interval, 1)
  no_more(at, "tm.trigger.continuous_event_time", "an interval", ...)
  return made("continuous_event_time", { { kind = "continuous_event_time", value = interval } }, { event_time = true })
end

---Every so often within a window, by the clock.
function trigger.continuous_processing_time(interval, ...)
  local at = place.here()
  interval = check.duration(at, "tm.trigger.continuous_processing_time: interval", interval, 1)
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
    needs = inner.needs, times_out = inner.times_out or props.times_out })
end

local function inner_of(at, what, given)
  local inner = freeze.content(given, "trigger")
  if not inner then check.wrong(at, what, "a trigger", given, "for example tm.trigger.count(100)") end
  return inner
end

---What the trigger fires is thrown away after.
function trigger.purging(inner, ...)
  local at = place.here()
  inner = inner_of(at, "tm.trigger.purging", inner)
  no_more(at, "tm.trigger.purging", "a trigger", ...)
  return wrap("purging", inner, { kind = "purging" }, {})
end

local RESET, KEEP = 1, 2 -- enum tm_timeout_flag

---When the trigger does; or some time after the first row since, by the clock.
function trigger.processing_timeout(inner, timeout, options, ...)
  local at = place.here()
  inner = inner_of(at, "tm.trigger.processing_timeout", inner)
  timeout = check.duration(at, "tm.trigger.processing_timeout: timeout", timeout, 1)
  no_more(at, "tm.trigger.processing_timeout", "a trigger, a timeout and options", ...)
  local values = check.options(at, "tm.trigger.processing_timeout", options, { reset = check.boolean, clear = check.boolean })
  if inner.times_out then
    fault.raise("ARGUMENT", at, ("tm.trigger.processing_timeout: %s has a timeout already"):format(inner.name), "give it the shorter one")
  end
  local flags = (values.reset and RESET or 0) + (values.clear == false and KEEP or 0)
  return wrap("processing_timeout", inner, { kind = "processing_timeout", value = timeout, flags = flags },
    { merges = false, times_out = true })
end

return windows
