-- The streams are of one job, and another is returned.
local tm = require "tidemill"
tm.from(tm.lines()):to(tm.print())
return tm.job("billing")
