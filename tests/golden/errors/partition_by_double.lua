-- Folders named by numbers that have no exact text.
local tm = require "tidemill"
local S = tm.schema { user_id = "string", amount = "double", n = "int", big = "int64" }
return tm.from(tm.file { path = "in.jsonl", schema = S }):to(tm.file { path = "out", partition_by = { "amount" } })
