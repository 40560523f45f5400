-- The smallest job with an output: how long from start to the first row?
local tm = require "tidemill"
return tm.from(tm.lines()):to(tm.print())
