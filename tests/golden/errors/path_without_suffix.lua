-- Nothing says the format.
local tm = require "tidemill"
return tm.from(tm.file { path = "data" }):to(tm.print())
