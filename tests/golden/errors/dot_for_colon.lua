-- A method called with a dot.
local tm = require "tidemill"
return tm.from(tm.lines()).filter(function(line) return line ~= "" end):to(tm.print())
