-- A custom aggregate without a window.
local tm = require "tidemill"
local S = tm.schema { item = "string", ts = "timestamp" }
return tm.from(tm.file { path = "none.jsonl", schema = S }):key_by("item")
  :aggregate("m", tm.aggregate { accumulator = { n = "int" }, add = function(a, e) a.n = a.n + 1 end }):to(tm.print())
