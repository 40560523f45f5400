-- A partition by a fraction.
local tm = require "tidemill"
local S = { user_id = "string", amount = "double", n = "int" }
local rows = tm.from(tm.file { path = "in.jsonl", format = "json", schema = S })
return rows:partition(function(e) return e.n / 2 end):to(tm.print())
