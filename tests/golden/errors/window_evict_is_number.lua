-- A number in place of an evictor.
local tm = require "tidemill"
local rows = tm.from(tm.file { path = "in.jsonl", schema = { user = "string", price = "int", ts = "timestamp" } })
  :watermark("ts"):key_by("user")
return rows:window(tm.global()):trigger(tm.trigger.count(5)):evict(100):aggregate("a", { n = tm.count() }):to(tm.print())
