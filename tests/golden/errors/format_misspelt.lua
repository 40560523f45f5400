-- A format that there is not.
local tm = require "tidemill"
return tm.from(tm.file { path = "in.jsonl", format = "jsn", schema = { user_id = "string" } }):to(tm.print())
