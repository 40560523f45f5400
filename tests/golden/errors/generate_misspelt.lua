-- A misspelt kind of field.
local tm = require "tidemill"
return tm.from(tm.generate { count = 10, fields = { n = tm.gen.unifrom(1, 6) } }):to(tm.print())
