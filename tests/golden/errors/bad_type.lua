-- A misspelt type.
local tm = require "tidemill"
local S = tm.schema { user_id = "string", amount = "decmal(10,2)" }
return tm.from(tm.file { path = "in.jsonl", format = "json", schema = S }):to(tm.print())
