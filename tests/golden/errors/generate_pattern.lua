-- A text without digits to fill in.
local tm = require "tidemill"
return tm.from(tm.generate { count = 10, fields = { u = tm.gen.pattern("user", { distinct = 5 }) } }):to(tm.print())
