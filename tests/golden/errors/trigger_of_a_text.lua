-- A trigger that is none.
local tm = require "tidemill"
local S = tm.schema { user = "string", amount = "int", ts = "timestamp" }
local rows = tm.from(tm.file { path = "none.jsonl", schema = S }):watermark("ts"):key_by("user")
return rows:window(tm.global()):trigger("count"):aggregate("totals", { n = tm.count() }):to(tm.print())
