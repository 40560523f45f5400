-- A sliding window and no merge.
local tm = require "tidemill"
local S = tm.schema { item = "string", ts = "timestamp" }
return tm.from(tm.file { path = "none.jsonl", schema = S }):watermark("ts"):key_by("item"):window(tm.sliding("10m", "1m"))
  :aggregate("m", tm.aggregate { accumulator = { n = "int" }, add = function(a, e) a.n = a.n + 1 end }):to(tm.print())
