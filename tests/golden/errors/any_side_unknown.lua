-- A side output that the function of records without a shape does not have.
local tm = require "tidemill"
local s = tm.from(tm.file { path = "in.jsonl", schema = "any" }):filter(function(e, out) out("late", e) return true end)
return s:side("lat"):to(tm.print())
