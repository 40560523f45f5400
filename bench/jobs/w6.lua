-- W6: count and sum per user over windows of ten minutes that start every second, in event time. The same as
-- bench/reference/w6.c. --set input=GLOB --set output=PATH
local tm = require "tidemill"

local Payment = tm.schema {
  user_id = "string", amount = "double", country = "string", ts = "timestamp", note = "string",
}

return tm.from(tm.file { path = tm.arg("input", "build/bench/data/*.jsonl"), format = "json", schema = Payment })
  :watermark("ts", { out_of_order = "2s" })
  :key_by("user_id")
  :window(tm.sliding("10m", "1s"))
  :aggregate("ten", { n = tm.count(), total = tm.sum("amount") })
  :to(tm.file { path = tm.arg("output", "build/bench/w6.jsonl"), format = "json", if_exists = "replace" })
