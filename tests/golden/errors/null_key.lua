-- A record whose key is missing.
local tm = require "tidemill"
local S = tm.schema { user_id = "string", amount = "double" }
return tm.from(tm.file { path = "null_key.jsonl", format = "json", schema = S })
  :key_by("user_id"):count():to(tm.print())
