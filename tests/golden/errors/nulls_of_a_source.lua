-- An option of sinks at a source.
local tm = require "tidemill"
return tm.from(tm.file { path = "in.jsonl", nulls = "omit", schema = { user_id = "string" } }):to(tm.print())
