-- W3c: count and sum per country over one-minute tumbling windows in event time. The same as bench/reference/w3.c.
-- --set input=GLOB --set output=PATH
local tm = require "tidemill"

local Payment = tm.schema {
  user_id = "string", amount = "double", country = "string", ts = "timestamp", note = "string",
}

return tm.from(tm.file { path = tm.arg("input", "build/bench/data/*.jsonl"), format = "json", schema = Payment })
  :watermark("ts", { out_of_order = "2s" })
  :key_by("country")
  :window(tm.tumbling("1m"))
  :aggregate("minute", { n = tm.count(), total = tm.sum("amount") })
  :to(tm.file { path = tm.arg("output", "build/bench/w3c.jsonl"), format = "json", if_exists = "replace" })
