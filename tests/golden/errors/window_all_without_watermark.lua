-- A window over the whole stream, in event time, without a watermark.
local tm = require "tidemill"
local S = tm.schema { user = "string", amount = "int", ts = "timestamp" }
return tm.from(tm.file { path = "none.jsonl", schema = S }):window_all(tm.tumbling("1m")):aggregate("totals", { n = tm.count() }):to(tm.print())
