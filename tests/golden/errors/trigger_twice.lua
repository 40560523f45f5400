-- Two triggers.
local tm = require "tidemill"
local S = tm.schema { user = "string", amount = "int", ts = "timestamp" }
local rows = tm.from(tm.file { path = "none.jsonl", schema = S }):watermark("ts"):key_by("user")
return rows:window(tm.tumbling("5m")):trigger(tm.trigger.count(5)):trigger(tm.trigger.count(6)):aggregate("totals", { n = tm.count() }):to(tm.print())
