-- No subtask at all.
local tm = require "tidemill"
local S = tm.schema { user_id = "string", amount = "double" }
local rows = tm.from(tm.file { path = "in.jsonl", schema = S })
return rows:map(function(e) return e end):parallelism(0):to(tm.print())
