-- A union of streams with different types.
local tm = require "tidemill"
local a = tm.from(tm.file { path = "in.jsonl", format = "json", schema = { user_id = "string", amount = "double" } })
local b = tm.from(tm.file { path = "in.jsonl", format = "json", schema = { user_id = "string", amount = "int" } })
return a:union(b):to(tm.print())
