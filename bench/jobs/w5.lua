-- W5: count and sum per user and session, whose records are at most half a minute apart, in event time. The same as
-- bench/reference/w5.c. --set input=GLOB --set output=PATH
local tm = require "tidemill"

local Payment = tm.schema {
  user_id = "string", amount = "double", country = "string", ts = "timestamp", note = "string",
}

return tm.from(tm.file { path = tm.arg("input", "build/bench/data/*.jsonl"), format = "json", schema = Payment })
  :watermark("ts", { out_of_order = "2s" })
  :key_by("user_id")
  :window(tm.session("30s"))
  :aggregate("sessions", { n = tm.count(), total = tm.sum("amount") })
  :to(tm.file { path = tm.arg("output", "build/bench/w5.jsonl"), format = "json", if_exists = "replace" })
