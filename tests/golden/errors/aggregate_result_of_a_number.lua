-- result returns a number.
local tm = require "tidemill"
local S = tm.schema { user = "string", item = "string", price = "decimal(10,2)", ts = "timestamp" }
local rows = tm.from(tm.file { path = "in.jsonl", format = "json", schema = S }):watermark("ts"):key_by("user"):window(tm.tumbling("1m"))
return rows:aggregate("m", tm.aggregate { accumulator = { sum = "double", n = "int" }, add = function(a, e) a.n = a.n + 1 end,
  result = function(a) return a.sum / a.n end }):to(tm.print())
