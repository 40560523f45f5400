-- A sink where a source belongs.
local tm = require "tidemill"
return tm.from(tm.print()):to(tm.print())
