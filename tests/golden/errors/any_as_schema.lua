-- tm.schema of records without a shape.
local tm = require "tidemill"
return tm.from(tm.stdin { format = "json", schema = tm.schema("any") }):to(tm.print())
