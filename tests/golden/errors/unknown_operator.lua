-- A misspelt operator.
local tm = require "tidemill"
return tm.from(tm.lines()):flatmap(function(line, out) out { text = line } end):to(tm.print())
