-- A session and an aggregate that cannot merge.
local tm = require "tidemill"
local S = tm.schema { user = "string", amount = "int", ts = "timestamp" }
local rows = tm.from(tm.file { path = "none.jsonl", schema = S }):watermark("ts"):key_by("user")
return rows:window(tm.session("5m")):aggregate("mean", tm.aggregate { accumulator = { n = "int" }, add = function(a, e) a.n = a.n + 1 end }):to(tm.print())
