-- A session with a trigger that cannot merge.
local tm = require "tidemill"
local S = tm.schema { user = "string", amount = "int", ts = "timestamp" }
local rows = tm.from(tm.file { path = "none.jsonl", schema = S }):watermark("ts"):key_by("user")
return rows:window(tm.session("5m")):trigger(tm.trigger.processing_timeout(tm.trigger.count(10), "1s")):aggregate("visits", { n = tm.count() }):to(tm.print())
