-- Bounds in the wrong order.
local tm = require "tidemill"
return tm.from(tm.generate { count = 10, fields = { n = tm.gen.uniform(6, 1) } }):to(tm.print())
