-- A map that gives its row by out.
local tm = require "tidemill"
local S = { user_id = "string", amount = "double", n = "int" }
local rows = tm.from(tm.file { path = "in.jsonl", format = "json", schema = S })
return rows:map(function(e, out) out(e) return e end):to(tm.print())
