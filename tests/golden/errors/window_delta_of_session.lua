-- A delta trigger on sessions.
local tm = require "tidemill"
local rows = tm.from(tm.file { path = "in.jsonl", schema = { user = "string", price = "int", ts = "timestamp" } })
  :watermark("ts"):key_by("user")
return rows:window(tm.session("1m")):trigger(tm.trigger.delta(5, function(a, b) return b.price - a.price end))
  :aggregate("a", { n = tm.count() }):to(tm.print())
