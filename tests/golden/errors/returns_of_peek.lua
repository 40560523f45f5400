-- Columns declared where they cannot be.
local tm = require "tidemill"
local S = { user_id = "string", amount = "double", n = "int" }
local rows = tm.from(tm.file { path = "in.jsonl", format = "json", schema = S })
return rows:peek():returns { n = "int" }:to(tm.print())
