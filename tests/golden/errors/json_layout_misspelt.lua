-- A misspelt layout.
local tm = require "tidemill"
return tm.from(tm.file { path = "in.jsonl", format = tm.json { layout = "line" }, schema = { user_id = "string" } }):to(tm.print())
