-- A window over event time without a watermark.
local tm = require "tidemill"
local S = tm.schema { user_id = "string", ts = "timestamp" }
return tm.from(tm.file { path = "in.jsonl", format = "json", schema = S })
  :key_by("user_id"):window(tm.tumbling("1m")):aggregate("totals", { n = tm.count() }):to(tm.print())
