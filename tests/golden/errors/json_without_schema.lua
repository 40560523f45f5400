-- JSON without a schema.
local tm = require "tidemill"
return tm.from(tm.file { path = "in.jsonl", format = "json" }):to(tm.print())
