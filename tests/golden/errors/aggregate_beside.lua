-- A custom aggregate beside others.
local tm = require "tidemill"
local S = tm.schema { user = "string", item = "string", price = "decimal(10,2)", ts = "timestamp" }
local rows = tm.from(tm.file { path = "in.jsonl", format = "json", schema = S }):watermark("ts"):key_by("user"):window(tm.tumbling("1m"))
return rows:aggregate("m", { n = tm.count(), mean = tm.aggregate { accumulator = { sum = "double" }, add = function(a, e) a.sum = a.sum + 1 end } }):to(tm.print())
