-- Evicting by time without event time.
local tm = require "tidemill"
local rows = tm.from(tm.file { path = "in.jsonl", schema = { user = "string", price = "int", ts = "timestamp" } })
  :watermark("ts"):key_by("user")
local plain = tm.from(tm.file { path = "in.jsonl", schema = { user = "string", ts = "timestamp" }, name = "plain" }):key_by("user")
return plain:window(tm.global()):trigger(tm.trigger.count(5)):evict(tm.evict.time("5s")):aggregate("a", { n = tm.count() }):to(tm.print())
