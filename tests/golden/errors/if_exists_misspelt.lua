-- A misspelt choice.
local tm = require "tidemill"
local S = tm.schema { user_id = "string", amount = "double" }
local rows = tm.from(tm.file { path = "in.jsonl", schema = S })
return rows:to(tm.file { path = "out.jsonl", if_exists = "overwrite" })
