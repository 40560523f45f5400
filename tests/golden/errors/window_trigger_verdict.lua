-- A trigger that says what it cannot.
local tm = require "tidemill"
local rows = tm.from(tm.file { path = "in.jsonl", schema = { user = "string", price = "int", ts = "timestamp" } })
  :watermark("ts"):key_by("user")
return rows:window(tm.tumbling("1m")):trigger { element = function(ctx, e) return "fires" end }
  :aggregate("a", { n = tm.count() }):to(tm.print())
