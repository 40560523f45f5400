-- A misspelt option of tm.csv.
local tm = require "tidemill"
local S = tm.schema { user_id = "string", amount = "double" }
local rows = tm.from(tm.file { path = "in.jsonl", schema = S })
return rows:to(tm.print { format = tm.csv { delimeter = ";" } })
