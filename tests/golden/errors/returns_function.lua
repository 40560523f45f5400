-- A file that returns a function that would build the job.
local tm = require "tidemill"
return function() return tm.from(tm.lines()):to(tm.print()) end
