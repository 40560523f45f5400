-- A key with an escape that JSON does not have.
local tm = require "tidemill"
return tm.from(tm.file { path = "escape.jsonl", format = "json", schema = { n = "int" } }):to(tm.print())
