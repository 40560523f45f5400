-- A row in more windows than it can be in.
local tm = require "tidemill"
local S = tm.schema { user = "string", amount = "int", ts = "timestamp" }
local rows = tm.from(tm.file { path = "none.jsonl", schema = S }):watermark("ts"):key_by("user")
return rows:window(tm.sliding("30d", "1s")):allowed_lateness("1m"):aggregate("totals", { n = tm.count() }):to(tm.print())
