-- A method that patterns do not have.
local tm = require "tidemill"
local S = tm.schema { user_id = "string", amount = "double" }
local rows = tm.from(tm.file { path = "in.jsonl", schema = S })
local re = tm.re "a"
return rows:filter(function(e) return re:matches(e.user_id) end):to(tm.print())
