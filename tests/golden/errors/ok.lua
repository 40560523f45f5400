-- A right program, for command lines that are wrong.
local tm = require "tidemill"
local S = tm.schema { user_id = "string", amount = "double", n = "int", big = "int64" }
return tm.from(tm.file { path = tm.arg("input", "in.jsonl", "JSON Lines"), format = "json", schema = S }):to(tm.print())
