-- A chain mode that is not there.
local tm = require "tidemill"
local S = { user_id = "string", amount = "double", n = "int" }
local rows = tm.from(tm.file { path = "in.jsonl", format = "json", schema = S })
return rows:map(function(e) return e end):chain("allways"):to(tm.print())
