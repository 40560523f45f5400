-- A key that is no field.
local tm = require "tidemill"
local S = tm.schema { user_id = "string", amount = "double" }
return tm.from(tm.file { path = "in.jsonl", format = "json", schema = S })
  :key_by("user"):count():to(tm.print())
