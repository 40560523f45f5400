-- W1: filter and project, JSON Lines to JSON Lines. The same as bench/reference/w1.c.
-- --set input=GLOB --set output=PATH: one file (out.jsonl), or a folder of part files, one a subtask.
local tm = require "tidemill"

local Payment = tm.schema {
  user_id = "string", amount = "double", country = "string", ts = "timestamp", note = "string",
}

return tm.from(tm.file { path = tm.arg("input", "build/bench/data/*.jsonl"), format = "json", schema = Payment })
  :filter(function(e) return e.amount >= 250 and e.country ~= "US" end)
  :select("user_id", "country", "amount", "note")
  :to(tm.file { path = tm.arg("output", "build/bench/w1.jsonl"), format = "json", if_exists = "replace" })
