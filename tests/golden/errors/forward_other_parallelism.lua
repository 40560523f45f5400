-- Forward to another number of subtasks.
local tm = require "tidemill"
local S = { user_id = "string", amount = "double", n = "int" }
local rows = tm.from(tm.file { path = "in.jsonl", format = "json", schema = S })
return rows:map(function(e) return e end):parallelism(2):forward():map(function(e) return e end):parallelism(3):to(tm.print())
