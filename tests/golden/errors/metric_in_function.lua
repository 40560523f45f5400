-- A metric that a function declares.
local tm = require "tidemill"
return tm.from(tm.lines()):map(function(line) tm.counter("seen"):inc() return line end):to(tm.print())
