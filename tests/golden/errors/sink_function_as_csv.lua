-- A sink in Lua gets rows.
local tm = require "tidemill"
local S = tm.schema { user_id = "string", amount = "double" }
local rows = tm.from(tm.file { path = "in.jsonl", schema = S })
return rows:to(tm.sink { write = function(e) end, format = "csv" })
