-- A misspelt source.
local tm = require "tidemill"
return tm.from(tm.flie { path = "in.jsonl" }):to(tm.print())
