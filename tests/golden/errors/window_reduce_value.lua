-- reduce gives a number and no row.
local tm = require "tidemill"
local rows = tm.from(tm.file { path = "in.jsonl", schema = { user = "string", price = "int", ts = "timestamp" } })
  :watermark("ts"):key_by("user")
return rows:window(tm.tumbling("1m")):reduce("a", function(a, e) return a.price + e.price end):to(tm.print())
