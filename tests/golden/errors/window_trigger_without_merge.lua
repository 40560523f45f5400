-- A trigger of one's own on sessions, without merge.
local tm = require "tidemill"
local rows = tm.from(tm.file { path = "in.jsonl", schema = { user = "string", price = "int", ts = "timestamp" } })
  :watermark("ts"):key_by("user")
return rows:window(tm.session("1m")):trigger(tm.trigger.purging { element = function(ctx, e) return "fire" end })
  :aggregate("a", { n = tm.count() }):to(tm.print())
