-- A misspelt operator of windows.
local tm = require "tidemill"
local S = tm.schema { user = "string", amount = "int", ts = "timestamp" }
local rows = tm.from(tm.file { path = "none.jsonl", schema = S }):watermark("ts"):key_by("user")
return rows:window(tm.tumbling("5m")):allow_lateness("1m"):aggregate("totals", { n = tm.count() }):to(tm.print())
