-- Pieces of a file that has no end.
local tm = require "tidemill"
local S = tm.schema { user_id = "string", amount = "double", n = "int", big = "int64" }
return tm.from(tm.file { path = "in.jsonl", schema = S, split = "64MB", follow = true }):to(tm.print())
