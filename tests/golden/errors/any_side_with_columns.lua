-- Side outputs of records without a shape are such records.
local tm = require "tidemill"
local s = tm.from(tm.file { path = "in.jsonl", schema = "any" }):filter(function(e, out) out("late", e) return true end)
return s:side("late"):returns { n = "int" }:to(tm.print())
