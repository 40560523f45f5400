-- Rows appended to a CSV file with other columns.
local tm = require "tidemill"
local S = { user_id = "string", amount = "double", n = "int" }
local rows = tm.from(tm.file { path = "in.jsonl", format = "json", schema = S })
return rows:select("user_id", "n"):to(tm.file { path = "there.csv", if_exists = "append" })
