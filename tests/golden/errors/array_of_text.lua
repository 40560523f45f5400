-- A text is no array.
local tm = require "tidemill"
local S = tm.schema { user_id = "string", amount = "double" }
local rows = tm.from(tm.file { path = "in.jsonl", schema = S })
return rows:map(function(e) return { l = tm.array("a") } end):returns { l = "any" }:to(tm.print())
