-- Lines that many programs write in the same form: access logs of web servers (the common and the combined format) and
-- syslog (RFC 5424 and RFC 3164). Made of a regular expression each and typed; part of tm.decode.
local context = require "library.context"
local clock = require "tidemill.clock"
local re = require("library.regex").call
local time = require("library.time").functions
local number = require("library.number").functions

local not_text = context.not_text
local type, floor = type, math.floor
local parse_time, parse_int = time.parse, number.parse_int

local logs = {}

-- What stands for nothing in these formats.
local function some(s)
  if s == "-" or s == "" then return nil end
  return s
end

-- --- access logs

local QUOTED = [=[(?:[^"\\]|\\.)*+]=]

local ACCESS = re([=[^(?<host>\S+) \S+ (?<user>\S+) \[(?<time>[^\]]+)\] ]=]
  .. [=["(?:(?<method>[A-Z]+) (?<path>\S+)(?: (?<protocol>[^" ]+))?|]=] .. QUOTED .. [=[)" ]=]
  .. [=[(?<status>\d{3}) (?<bytes>\d+|-)(?: "(?<referer>]=] .. QUOTED .. [=[)" "(?<agent>]=] .. QUOTED .. [=[)")?]=])

function logs.access_log(s)
  if type(s) ~= "string" then return not_text(s, "tm.decode.access_log") end
  local m = ACCESS:match(s)
  if m == nil then return nil, "neither the common nor the combined log format" end
  local at = parse_time(m.time, "%d/%b/%Y:%H:%M:%S %z")
  if at == nil then return nil, "not a time of an access log" end
  return { host = m.host, user = some(m.user), time = at, method = m.method, path = m.path, protocol = m.protocol,
    status = parse_int(m.status), bytes = parse_int(m.bytes), referer = some(m.referer), agent = some(m.agent) }
end

-- --- syslog

local NEW = re([=[^<(?<priority>\d{1,3})>1 (?<time>\S+) (?<host>\S+) (?<app>\S+) (?<process>\S+) (?<id>\S+) ]=]
  .. [=[(?<data>-|(?:\[(?:[^"\]]|"]=] .. QUOTED .. [=[")*+\])+)(?: (?:\x{FEFF})?(?<message>.*))?$]=], "s")
local OLD = re([=[^(?:<(?<priority>\d{1,3})>)?(?<time>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d) (?<host>\S+) ]=]
  .. [=[(?<app>[^:\[\s]+)(?:\[(?<process>[^\]]*)\])?: ?(?<message>.*)$]=], "s")

local SEVERITIES = { [0] = "emergency", "alert", "critical", "error", "warning", "notice", "informational", "debug" }
local FACILITIES = { [0] = "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp",
  "ntp", "security", "console", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7" }

local DAY = 86400000

-- Times of the old form have no year: the one that brings it closest to now, but not more than a day after it.
local function old_time(s)
  local now = clock.now_ms()
  local year = time.year(now)
  local at = parse_time(("%04d "):format(year) .. s, "%Y %b %e %H:%M:%S")
  if at == nil or at > now + DAY then at = parse_time(("%04d "):format(year - 1) .. s, "%Y %b %e %H:%M:%S") end
  return at
end

function logs.syslog(s)
  if type(s) ~= "string" then return not_text(s, "tm.decode.syslog") end
  local m = NEW:match(s)
  local at, id, data
  if m then
    at, id, data = some(m.time), some(m.id), some(m.data)
    if at then at = parse_time(at) end
    if at == nil and m.time ~= "-" then return nil, "not a time of ISO 8601" end
  else
    m = OLD:match(s)
    if m == nil then return nil, "neither of the two forms of syslog" end
    at = old_time(m.time)
    if at == nil then return nil, "there is no such day" end
  end
  local priority = parse_int(m.priority)
  if priority and priority > 191 then return nil, "the priority is above 191" end
  return { time = at, host = some(m.host), app = some(m.app), process = some(m.process), id = id,
    facility = priority and FACILITIES[floor(priority / 8)], severity = priority and SEVERITIES[priority % 8],
    data = data, message = m.message }
end

return {
  functions = logs,
  makes = {
    access_log = "host text, user text, time timestamp, method text, path text, protocol text, status int, bytes int, "
      .. "referer text, agent text",
    syslog = "time timestamp, host text, app text, process text, id text, facility text, severity text, data text, message text",
  },
}
