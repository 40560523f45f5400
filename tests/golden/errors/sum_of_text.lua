-- A sum over a field that is no number.
local tm = require "tidemill"
local S = tm.schema { user_id = "string", amount = "string" }
return tm.from(tm.file { path = "in.jsonl", format = "json", schema = S })
  :key_by("user_id"):sum("amount"):to(tm.print())
