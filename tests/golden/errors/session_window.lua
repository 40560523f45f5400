-- A window that is a table.
local tm = require "tidemill"
local S = tm.schema { user_id = "string", amount = "double" }
local rows = tm.from(tm.file { path = "in.jsonl", schema = S })
return rows:key_by("user_id"):window { size = "1m" }:aggregate("n", { n = tm.count() }):to(tm.print())
