-- A side output that the function does not have.
local tm = require "tidemill"
local S = { user_id = "string", amount = "double", n = "int" }
local rows = tm.from(tm.file { path = "in.jsonl", format = "json", schema = S })
local good = rows:filter(function(e, out) if e.n > 1 then out("large", e) end return true end)
return good:side("lrage"):to(tm.print())
