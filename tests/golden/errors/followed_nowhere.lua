-- A file that is waited for, in a folder that is not there.
local tm = require "tidemill"
local S = tm.schema { user_id = "string", amount = "double", n = "int", big = "int64" }
return tm.from(tm.file { path = "logs/app.jsonl", schema = S, follow = true }):to(tm.print())
