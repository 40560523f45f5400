-- Changes are no rows to count.
local tm = require "tidemill"
local S = { user_id = "string", amount = "double", n = "int" }
local rows = tm.from(tm.file { path = "in.jsonl", format = "json", schema = S })
local best = rows:key_by("user_id"):top(3, "amount")
return best:key_by("user_id"):count():to(tm.print())
