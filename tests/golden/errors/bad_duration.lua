-- A duration in words.
local tm = require "tidemill"
local S = tm.schema { user_id = "string", ts = "timestamp" }
return tm.from(tm.file { path = "in.jsonl", format = "json", schema = S })
  :watermark("ts", { out_of_order = "2 secs" })
  :key_by("user_id"):window(tm.tumbling("1m")):aggregate("totals", { n = tm.count() }):to(tm.print())
