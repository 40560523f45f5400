-- Three windows over one stream of events: how often each user came in five minutes, what each device measured on average in the
-- last ten minutes, every two minutes, and what each user did in one visit.
--
--   tidemill run windows.lua                                     on events that it makes up
--   tidemill run windows.lua --set input='events/*.jsonl'        on yours: one JSON object per line
--   tidemill run windows.lua --set output=results                into three files in a folder
local tm = require "tidemill"

local Event = tm.schema {
  user_id = "string",
  device_id = "string",
  page = "string",
  reading = "int",
  ts = "timestamp", -- when it happened: ms since 1970, or 2026-01-01T12:00:00Z
}

local input = tm.arg("input", nil, "JSON Lines files of events; without it events are made up")
local output = tm.arg("output", nil, "a folder for the results; without it they are printed")
local count = tm.arg("count", 60000, "how many events to make up")

local made_up = tm.generate { count = count, seed = 11, fields = {
  user_id = tm.gen.pattern("u####", { zipf = 0.9, distinct = 500 }),
  device_id = tm.gen.pattern("d##", { distinct = 20 }),
  page = tm.gen.choice { "/", "/search", "/item", "/cart", "/pay" },
  reading = tm.gen.uniform(100, 400, "int"),
  ts = tm.gen.timestamp { start = "2026-01-01T00:00:00Z", step = "200ms", disorder = "5s" },
} }

local events = tm.from(input and tm.file { path = input, format = "json", schema = Event } or made_up)
  :watermark("ts", { out_of_order = "5s" })

local function out(name)
  return output and tm.file { path = output .. "/" .. name .. ".jsonl", format = "json", if_exists = "replace" } or tm.print()
end

-- Tumbling: every event is in exactly one window.
events:key_by("user_id")
  :window(tm.tumbling("5m"))
  :aggregate("events of five minutes", { events = tm.count() })
  :to(out("tumbling"))

-- Sliding: windows overlap; each event is in five of them. A moving average.
events:key_by("device_id")
  :window(tm.sliding("10m", "2m"))
  :aggregate("moving average", { readings = tm.count(), average = tm.avg("reading") })
  :to(out("sliding"))

-- Session: a visit ends when its user has been quiet for half an hour. The function gets all events of the visit, in the order
-- in which they came.
return events:key_by("user_id")
  :window(tm.session("30m"))
  :process("visits", function(ctx, user, visit)
    local first, last, paid = visit[1].ts, visit[1].ts, false
    for _, e in ipairs(visit) do
      if e.ts < first then first = e.ts end
      if e.ts > last then last = e.ts end
      paid = paid or e.page == "/pay"
    end
    ctx:emit { user_id = user, began = ctx.window_start, seconds = (last - first) / 1000, events = #visit, paid = paid }
  end)
  :returns { user_id = "string", began = "timestamp", seconds = "double", events = "int", paid = "bool" }
  :to(out("sessions"))
