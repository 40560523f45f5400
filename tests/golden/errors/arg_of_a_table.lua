-- A default that --set cannot give.
local tm = require "tidemill"
local list = tm.arg("list", { 1, 2 })
return tm.from(tm.lines()):to(tm.print())
