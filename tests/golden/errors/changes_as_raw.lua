-- Changes written as bytes, which cannot say what they are.
local tm = require "tidemill"
local S = { user_id = "string", amount = "double", n = "int" }
local rows = tm.from(tm.file { path = "in.jsonl", format = "json", schema = S })
return rows:key_by("user_id"):top(3, "amount"):select("user_id"):to(tm.file { path = "out.bin", format = "raw" })
