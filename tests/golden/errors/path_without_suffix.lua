-- Nothing says the format of a file that is there.
local tm = require "tidemill"
return tm.from(tm.file { path = "ok.lua" }):to(tm.print())
