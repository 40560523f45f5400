-- Every subtask gets every row, and has a key.
local tm = require "tidemill"
local S = tm.schema { user_id = "string", amount = "double" }
local rows = tm.from(tm.file { path = "in.jsonl", schema = S })
return rows:key_by("user_id"):broadcast():map(function(e) return e end):to(tm.print())
