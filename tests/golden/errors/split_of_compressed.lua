-- A compressed file cannot be read from its middle.
local tm = require "tidemill"
return tm.from(tm.file { path = "cut.jsonl.gz", schema = { user_id = "string" }, split = "64MB" }):to(tm.print())
