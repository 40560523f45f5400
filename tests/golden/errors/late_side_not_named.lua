-- A side output that the windows were not told of.
local tm = require "tidemill"
local S = tm.schema { user = "string", amount = "int", ts = "timestamp" }
local rows = tm.from(tm.file { path = "none.jsonl", schema = S }):watermark("ts"):key_by("user")
return rows:window(tm.tumbling("5m")):aggregate("totals", { n = tm.count() }):side("late"):to(tm.print())
