-- A column op beside changes.
local tm = require "tidemill"
local S = { user_id = "string", amount = "double", n = "int" }
local rows = tm.from(tm.file { path = "in.jsonl", format = "json", schema = S })
return rows:assign { op = function(e) return e.n end }:key_by("user_id"):top(3, "amount"):to(tm.print())
