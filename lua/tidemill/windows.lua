-- tm.tumbling, tm.sliding: how time is cut. What is computed in each window: aggregates.lua.
local check = require "tidemill.check"
local fault = require "tidemill.fault"
local freeze = require "tidemill.freeze"
local place = require "tidemill.place"

local windows = {}

local SLICES_MAX = 10000000 -- size / slide; core/base/limits.h
local DAY = 86400000

local function offset_of(at, what, options, bound)
  local values = check.options(at, what, options, {
    offset = function(a, w, v) return check.duration(a, w, v, -366 * DAY) end,
  })
  local offset = values.offset or 0
  if math.abs(offset) >= bound then
    fault.raise("ARGUMENT", at, ("%s: the offset (%.0f ms) must be shorter than %.0f ms"):format(what, offset, bound))
  end
  return offset
end

---tm.tumbling("1m"), tm.tumbling("1d", { offset = "-8h" })
function windows.tumbling(size, options)
  local at = place.here()
  size = check.duration(at, "tm.tumbling: size", size, 1)
  return freeze.object("window", {
    verb = "tumbling", size_ms = size, slide_ms = size, offset_ms = offset_of(at, "tm.tumbling", options, size),
  })
end

---tm.sliding("10m", "1m"): the last 10 minutes, every minute.
function windows.sliding(size, slide, options)
  local at = place.here()
  size = check.duration(at, "tm.sliding: size", size, 1)
  slide = check.duration(at, "tm.sliding: slide", slide, 1)
  if size / slide > SLICES_MAX then
    fault.raise("ARGUMENT", at,
      ("tm.sliding: size / slide is at most %d, given %.0f / %.0f ms"):format(SLICES_MAX, size,
      slide))
  end
  return freeze.object("window", {
    verb = "sliding", size_ms = size, slide_ms = slide, offset_ms = offset_of(at, "tm.sliding", options, slide),
  })
end

return windows
