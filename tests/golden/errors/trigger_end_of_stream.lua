-- A window that ends before the input does.
local tm = require "tidemill"
local S = tm.schema { user = "string", amount = "int", ts = "timestamp" }
local rows = tm.from(tm.file { path = "none.jsonl", schema = S }):watermark("ts"):key_by("user")
return rows:window(tm.tumbling("5m")):trigger(tm.trigger.end_of_stream()):aggregate("totals", { n = tm.count() }):to(tm.print())
