-- A misspelt option.
local tm = require "tidemill"
return tm.from(tm.file { pth = "in.jsonl", format = "text" }):to(tm.print())
