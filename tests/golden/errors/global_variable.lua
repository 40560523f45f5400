-- A variable that was not declared local.
local tm = require "tidemill"
total = 0
return tm.from(tm.lines()):map(function(line) total = total + #line return { total = total } end):to(tm.print())
