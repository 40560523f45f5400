-- A helper function that is given what it does not take.
local tm = require "tidemill"
local lines = tm.from(tm.lines())
return lines:map(function(line) return { day = tm.time.trunc(line, "day") } end):to(tm.print())
