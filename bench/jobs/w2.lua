-- W2: records per user, told once all input is read; with compressed input also the gz and zst of the table. The same as
-- bench/reference/w2.c. --set input=GLOB --set output=PATH
local tm = require "tidemill"

local Payment = tm.schema {
  user_id = "string", amount = "double", country = "string", ts = "timestamp", note = "string",
}

return tm.from(tm.file { path = tm.arg("input", "build/bench/data/*.jsonl"), format = "json", schema = Payment })
  :key_by("user_id")
  :count { as = "n", emit = "final" }
  :to(tm.file { path = tm.arg("output", "build/bench/w2.jsonl"), format = "json", if_exists = "replace" })
