-- A share that is none.
local tm = require "tidemill"
return tm.from(tm.generate { count = 10, fields = { id = tm.gen.uuid { nulls = 20 } } }):to(tm.print())
