-- tm.time: moments as milliseconds since 1970 UTC, which is what a timestamp is. Days and longer units go by the calendar of
-- a time zone: UTC, an offset ("+02:00"), or a name of the system's database ("Europe/Paris"), whose file is read once for a
-- state, when it is first named.
local context = require "library.context"
local clock = require "tidemill.clock"
local codes = require "tidemill.codes"

local C, T = context.C, context.T
local bytes_of = context.bytes_of
local give, not_text, not_number, wrong, whole = context.give, context.not_text, context.not_number, context.wrong,
  context.whole
local check_text, refuse = context.text, context.refuse
local type, floor = type, math.floor

local FOLDER = "/usr/share/zoneinfo/"
local RANGE = 8.64e15 -- where calendars of other systems end; exact to the millisecond

local time = {}

-- --- zones

local zones = {} -- name or offset -> struct tm_zone *

local function read_zone(name, what)
  local hint = 'zones are "UTC", offsets like "+02:00", and names like "Europe/Paris"'
  if C.tm_zone_parse_offset(T, name, #name) == 0 then return C.tm_zone_fixed(T, T.to) end
  if not name:find("^%a[%w_+%-]*/?[%w_+%-/]*$") or name:find("//", 1, true) or #name > 64 then
    wrong(what, "zone", "a time zone", name, hint)
  end
  local text, why = context.read(FOLDER .. name)
  if not text then refuse(("%s: there is no time zone \"%s\": %s"):format(what, name, why), hint .. "; the package is tzdata") end
  local zone = C.tm_zone_new(T, text, #text)
  if zone == nil then refuse(("%s: %s%s is not a file of a time zone"):format(what, FOLDER, name), hint) end
  return zone
end

local function zone_of(name, what)
  if name == nil or name == "UTC" or name == "Z" then return nil end
  local zone = zones[name]
  if zone ~= nil then return zone end
  if type(name) ~= "string" then wrong(what, "zone", 'a string like "Europe/Paris" or "+02:00"', name) end
  zone = read_zone(name, what)
  if zone == nil then error("not enough memory", 0) end
  zones[name] = zone
  return zone
end

local function not_moment(ms, what, argument)
  if ms == nil then return nil end
  wrong(what, argument, "a time in milliseconds since 1970 (from year -271821 to 275760)", ms,
    type(ms) == "string" and "tm.time.parse(text) makes one" or nil)
end

local function is_moment(ms) return type(ms) == "number" and ms >= -RANGE and ms <= RANGE end

-- --- text

function time.parse(s, form, zone)
  local p, len = bytes_of(s)
  if p == nil then return not_text(s, "tm.time.parse") end
  local z = zone_of(zone, "tm.time.parse")
  if form == nil then
    if C.tm_instant_parse_iso(T, z, p, len) ~= 0 then return nil, "not a time of ISO 8601" end
    return T.number
  end
  check_text(form, "tm.time.parse", "form")
  local rc = C.tm_instant_parse(T, z, p, len, form, #form)
  if rc == codes.ARGUMENT then
    wrong("tm.time.parse", "form", ("a directive that exists (byte %d)"):format(T.from + 1), form)
  end
  if rc ~= 0 then
    if not form:find("%", 1, true) then
      wrong("tm.time.parse", "form", 'a form with directives, such as "%Y-%m-%d %H:%M:%S",', form)
    end
    return nil, "not a time of this form"
  end
  return T.number
end

function time.format(ms, form, zone)
  if not is_moment(ms) then return not_moment(ms, "tm.time.format") end
  local z = zone_of(zone, "tm.time.format")
  if form == nil then return (give(C.tm_instant_format_iso(T, z, ms), "", "tm.time.format")) end
  check_text(form, "tm.time.format", "form")
  local n = C.tm_instant_format(T, z, ms, form, #form)
  if n == codes.ARGUMENT then
    wrong("tm.time.format", "form", ("a directive that exists (byte %d)"):format(T.from + 1), form)
  end
  return (give(n, "", "tm.time.format"))
end

function time.duration(s)
  local p, len = bytes_of(s)
  if p == nil then return not_text(s, "tm.time.duration") end
  if C.tm_instant_duration(T, p, len) ~= 0 then return nil, 'not a duration like "1h30m"' end
  return T.number
end

function time.format_duration(ms)
  if type(ms) ~= "number" then return not_number(ms, "tm.time.format_duration") end
  if not is_moment(ms) then wrong("tm.time.format_duration", nil, "milliseconds within 8.64e15", ms) end
  return (give(C.tm_instant_format_duration(T, ms), "", "tm.time.format_duration"))
end

function time.now() return (clock.now_ms()) end

-- --- units

local UNITS = { year = 0, quarter = 1, month = 2, week = 3, day = 4, hour = 5, minute = 6, second = 7, millisecond = 8 }
local NAMES = '"year", "quarter", "month", "week", "day", "hour", "minute", "second"'

local function unit_of(unit, what)
  local n = UNITS[unit]
  if n == nil then wrong(what, "unit", ("one of %s, \"millisecond\""):format(NAMES), unit) end
  return n
end

local lengths, length_count = {}, 0 -- "15m" -> ms

local function length_of(unit)
  local ms
  if type(unit) == "string" and C.tm_instant_duration(T, unit, #unit) == 0 then ms = T.number end
  if not ms or ms < 1 or ms > 86400000 or floor(ms) ~= ms then
    wrong("tm.time.truncate", "unit", ("one of %s, or a duration up to a day (\"15m\")"):format(NAMES), unit)
  end
  if length_count >= 100 then lengths, length_count = {}, 0 end
  lengths[unit], length_count = ms, length_count + 1
  return ms
end

function time.truncate(ms, unit, zone)
  if not is_moment(ms) then return not_moment(ms, "tm.time.truncate") end
  local z = zone_of(zone, "tm.time.truncate")
  local n = UNITS[unit]
  if n then return (C.tm_instant_truncate(z, ms, n)) end
  local length = lengths[unit] or length_of(unit)
  local offset = z ~= nil and C.tm_zone_offset(z, ms) * 1000 or 0
  return floor((ms + offset) / length) * length - offset
end

function time.add(ms, count, unit, zone)
  if not is_moment(ms) then return not_moment(ms, "tm.time.add") end
  whole(count, -2 ^ 53, 2 ^ 53, "tm.time.add", "count")
  local sum = C.tm_instant_add(zone_of(zone, "tm.time.add"), ms, count, unit_of(unit, "tm.time.add"))
  if sum ~= sum then wrong("tm.time.add", "count", "a number of units that ends between the years -271821 and 275760", count) end
  return sum
end

function time.diff(from, to, unit, zone)
  if from == nil or to == nil then return nil end
  if not is_moment(from) then return not_moment(from, "tm.time.diff", "from") end
  if not is_moment(to) then return not_moment(to, "tm.time.diff", "to") end
  return (C.tm_instant_diff(zone_of(zone, "tm.time.diff"), from, to, unit_of(unit, "tm.time.diff")))
end

function time.of(year, month, day, hour, minute, second, zone)
  if year == nil then return nil end
  if month == nil then month = 1 end
  if day == nil then day = 1 end
  if hour == nil then hour = 0 end
  if minute == nil then minute = 0 end
  if second == nil then second = 0 end
  whole(year, -271821, 275760, "tm.time.of", "year")
  whole(month, 1, 12, "tm.time.of", "month")
  whole(day, 1, 31, "tm.time.of", "day")
  whole(hour, 0, 23, "tm.time.of", "hour")
  whole(minute, 0, 59, "tm.time.of", "minute")
  if type(second) ~= "number" or not (second >= 0 and second < 60) then
    wrong("tm.time.of", "second", "a number from 0 to below 60", second)
  end
  local ms = C.tm_instant_of(zone_of(zone, "tm.time.of"), year, month, day, hour, minute, second)
  if ms ~= ms then return nil, "there is no such day" end
  return ms
end

-- --- parts

local function part(ms, number, zone, what)
  if not is_moment(ms) then return not_moment(ms, what) end
  return (C.tm_instant_part(zone_of(zone, what), ms, number))
end

function time.year(ms, zone) return (part(ms, 0, zone, "tm.time.year")) end
function time.quarter(ms, zone) return (part(ms, 1, zone, "tm.time.quarter")) end
function time.month(ms, zone) return (part(ms, 2, zone, "tm.time.month")) end
function time.week(ms, zone) return (part(ms, 3, zone, "tm.time.week")) end
function time.day(ms, zone) return (part(ms, 4, zone, "tm.time.day")) end
function time.hour(ms, zone) return (part(ms, 5, zone, "tm.time.hour")) end
function time.minute(ms, zone) return (part(ms, 6, zone, "tm.time.minute")) end
function time.second(ms, zone) return (part(ms, 7, zone, "tm.time.second")) end
function time.millisecond(ms) return (part(ms, 8, nil, "tm.time.millisecond")) end
function time.weekday(ms, zone) return (part(ms, 9, zone, "tm.time.weekday")) end
function time.yearday(ms, zone) return (part(ms, 10, zone, "tm.time.yearday")) end
function time.week_year(ms, zone) return (part(ms, 11, zone, "tm.time.week_year")) end

function time.offset(ms, zone)
  if not is_moment(ms) then return not_moment(ms, "tm.time.offset") end
  local z = zone_of(zone, "tm.time.offset")
  if z == nil then return 0 end
  return C.tm_zone_offset(z, ms) * 1000
end

return {
  name = "tm.time", functions = time, takes = "parse duration",
  results = { timestamp = "now parse truncate add of", text = "format_duration", keeps = "format", double = "duration diff",
    int = "year quarter month week day hour minute second millisecond weekday yearday week_year offset" },
}
