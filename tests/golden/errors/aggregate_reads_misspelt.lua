-- A field of the row, misspelt in add.
local tm = require "tidemill"
local S = tm.schema { user = "string", item = "string", price = "decimal(10,2)", ts = "timestamp" }
local rows = tm.from(tm.file { path = "in.jsonl", format = "json", schema = S }):watermark("ts"):key_by("user"):window(tm.tumbling("1m"))
return rows:aggregate("m", tm.aggregate { accumulator = { latest = "string" },
  add = function(a, e) a.latest = e.itme end }):to(tm.print())
