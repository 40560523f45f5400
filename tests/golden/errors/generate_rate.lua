-- No rows per second.
local tm = require "tidemill"
return tm.from(tm.generate { rate = 0, fields = { n = tm.gen.sequence() } }):to(tm.print())
