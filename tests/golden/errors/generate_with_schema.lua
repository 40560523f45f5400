-- The fields are the schema.
local tm = require "tidemill"
return tm.from(tm.generate { count = 10, schema = { n = "int" }, fields = { n = tm.gen.sequence() } }):to(tm.print())
