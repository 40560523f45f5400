-- A chain that cannot be.
local tm = require "tidemill"
local S = { user_id = "string", amount = "double", n = "int" }
local rows = tm.from(tm.file { path = "in.jsonl", format = "json", schema = S })
local twice = rows:map(function(e) return e end)
twice:to(tm.discard())
return twice:filter(function(e) return e.n > 1 end):chain("always"):to(tm.print())
