-- A value where a generator belongs.
local tm = require "tidemill"
return tm.from(tm.generate { count = 10, fields = { country = "FR" } }):to(tm.print())
