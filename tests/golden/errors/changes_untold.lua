-- A sink in Lua that cannot tell rows that are deleted, and fails.
local tm = require "tidemill"
local S = { user_id = "string", amount = "double", n = "int" }
local rows = tm.from(tm.file { path = "in.jsonl", format = "json", schema = S })
return rows:key_by("user_id"):top(1, "amount"):to(tm.sink { write = function(e) error("seen " .. e.user_id) end })
