-- A map of records without a shape that returns nothing.
local tm = require "tidemill"
return tm.from(tm.file { path = "in.jsonl", schema = "any" }):map(function(e) e.x = 1 end):to(tm.print())
