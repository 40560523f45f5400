-- Rows of nothing.
local tm = require "tidemill"
return tm.from(tm.generate { count = 10 }):to(tm.print())
