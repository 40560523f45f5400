-- A sink that appends to what a pattern of its own job reads.
local tm = require "tidemill"
local S = { user_id = "string", amount = "double", n = "int" }
local rows = tm.from(tm.file { path = "in.json*", format = "json", schema = S })
return rows:to(tm.file { path = "./in.jsonl", if_exists = "append" })
