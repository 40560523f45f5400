-- A session whose gap is a function.
local tm = require "tidemill"
local S = tm.schema { user = "string", amount = "int", ts = "timestamp" }
local rows = tm.from(tm.file { path = "none.jsonl", schema = S }):watermark("ts"):key_by("user")
return rows:window(tm.session(function(e) return 5 end)):aggregate("visits", { n = tm.count() }):to(tm.print())
