-- More weights than choices.
local tm = require "tidemill"
return tm.from(tm.generate { count = 10, fields = { c = tm.gen.choice({ "FR", "DE" }, { weights = { 1, 2, 3 } }) } }):to(tm.print())
