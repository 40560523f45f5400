-- A session's aggregate that cannot merge.
local tm = require "tidemill"
local rows = tm.from(tm.file { path = "in.jsonl", schema = { user = "string", price = "int", ts = "timestamp" } })
  :watermark("ts"):key_by("user")
return rows:window(tm.session("1m")):aggregate("a", tm.aggregate { accumulator = { n = "int" }, add = function(a, e) a.n = a.n + 1 end })
  :to(tm.print())
