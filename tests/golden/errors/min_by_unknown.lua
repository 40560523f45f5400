-- A misspelt field of min_by.
local tm = require "tidemill"
local S = tm.schema { user_id = "string", amount = "double" }
local rows = tm.from(tm.file { path = "in.jsonl", schema = S })
return rows:key_by("user_id"):min_by("amuont"):to(tm.print())
