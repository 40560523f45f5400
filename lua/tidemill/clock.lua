-- os.time, os.date, os.clock for job code: the engine's clock, UTC, no C library behind them. Inside a chunk the time
-- is the batch's (one value per batch, virtual under the seeded scheduler); while the script is evaluated it is the
-- host's.
local clock = {}

local floor = math.floor
local now = function() return 0 end -- ms, number; set by the host
local context                       -- the chain's context while a chunk runs
local started

function clock.set_source(fn) now, started = fn, nil end

---The chain whose batch is running (cdata struct tm_chain_ctx *), nil outside.
function clock.enter(ctx) context = ctx end

---Do rows run, and not the evaluation of the script?
function clock.is_running() return context ~= nil end

---Milliseconds since 1970 UTC.
function clock.now_ms()
  if context then return tonumber(context.now_ms) end
  return now()
end

local DAYS = { "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday" }
local MONTHS = { "January", "February", "March", "April", "May", "June", "July", "August", "September", "October",
  "November", "December" }

-- Days since 1970-01-01 of a civil date; months may overflow. (Proleptic Gregorian, eras of 400 years.)
local function days_of(year, month, day)
  year, month = year + floor((month - 1) / 12), (month - 1) % 12 + 1
  if month <= 2 then year = year - 1 end
  local era = floor(year / 400)
  local yoe = year - era * 400
  local doy = floor((153 * (month + (month > 2 and -3 or 9)) + 2) / 5) + day - 1
  return era * 146097 + yoe * 365 + floor(yoe / 4) - floor(yoe / 100) + doy - 719468
end

local function civil(seconds)
  local days = floor(seconds / 86400)
  local rest = seconds - days * 86400
  local z = days + 719468
  local era = floor(z / 146097)
  local doe = z - era * 146097
  local yoe = floor((doe - floor(doe / 1460) + floor(doe / 36524) - floor(doe / 146096)) / 365)
  local doy = doe - (365 * yoe + floor(yoe / 4) - floor(yoe / 100))
  local mp = floor((5 * doy + 2) / 153)
  local month = mp < 10 and mp + 3 or mp - 9
  local year = yoe + era * 400 + (month <= 2 and 1 or 0)
  return {
    year = year, month = month, day = doy - floor((153 * mp + 2) / 5) + 1,
    hour = floor(rest / 3600), min = floor(rest / 60) % 60, sec = rest % 60,
    wday = (days + 4) % 7 + 1, yday = days - days_of(year, 1, 1) + 1, isdst = false,
  }
end

---os.time: seconds; of a table { year, month, day, hour = 12, min = 0, sec = 0 } in UTC, or of now.
function clock.time(t)
  if t == nil then return floor(clock.now_ms() / 1000) end
  if type(t) ~= "table" then error("os.time: a table is needed, given a " .. type(t), 2) end
  local function field(name, fallback)
    local v = tonumber(t[name]) or fallback
    if not v then error(("os.time: field '%s' is missing"):format(name), 3) end
    return v
  end
  return days_of(field("year"), field("month"), field("day")) * 86400 + field("hour", 12) * 3600
    + field("min", 0) * 60 + field("sec", 0)
end

---os.clock: seconds of the engine's clock since the first call.
function clock.clock()
  started = started or clock.now_ms()
  return (clock.now_ms() - started) / 1000
end

local format
local FORMATS = {
  a = function(t) return DAYS[t.wday]:sub(1, 3) end, A = function(t) return DAYS[t.wday] end,
  b = function(t) return MONTHS[t.month]:sub(1, 3) end, B = function(t) return MONTHS[t.month] end,
  c = function(t) return format("%a %b %d %H:%M:%S %Y", t) end,
  d = function(t) return ("%02d"):format(t.day) end, D = function(t) return format("%m/%d/%y", t) end,
  F = function(t) return format("%Y-%m-%d", t) end, H = function(t) return ("%02d"):format(t.hour) end,
  I = function(t) return ("%02d"):format((t.hour + 11) % 12 + 1) end,
  j = function(t) return ("%03d"):format(t.yday) end,
  m = function(t) return ("%02d"):format(t.month) end, M = function(t) return ("%02d"):format(t.min) end,
  p = function(t) return t.hour < 12 and "AM" or "PM" end, S = function(t) return ("%02d"):format(t.sec) end,
  T = function(t) return format("%H:%M:%S", t) end, w = function(t) return tostring(t.wday - 1) end,
  x = function(t) return format("%m/%d/%y", t) end, X = function(t) return format("%H:%M:%S", t) end,
  y = function(t) return ("%02d"):format(t.year % 100) end, Y = function(t) return tostring(t.year) end,
  z = function() return "+0000" end, Z = function() return "UTC" end,
}
FORMATS["%"] = function() return "%" end

function format(text, t)
  return (text:gsub("%%(.?)", function(c)
    local f = FORMATS[c]
    if not f then error(("os.date: no conversion '%%%s'"):format(c), 4) end
    return f(t)
  end))
end

---os.date: as Lua's, always UTC.
function clock.date(text, seconds)
  text = text == nil and "%c" or text
  if type(text) ~= "string" then error("os.date: a format is needed, given a " .. type(text), 2) end
  local t = civil(floor(tonumber(seconds) or clock.now_ms() / 1000))
  text = text:gsub("^!", "")
  if text:sub(1, 2) == "*t" then return t end
  return format(text, t)
end

return clock
