-- A misspelt type in :returns.
local tm = require "tidemill"
local S = tm.schema { user_id = "string", amount = "double" }
local rows = tm.from(tm.file { path = "in.jsonl", schema = S })
return rows:map(function(e) return { n = 1 } end):returns { n = "itn" }:to(tm.print())
