-- A tag that is computed.
local tm = require "tidemill"
local S = { user_id = "string", amount = "double", n = "int" }
local rows = tm.from(tm.file { path = "in.jsonl", format = "json", schema = S })
return rows:filter(function(e, out) out(e.user_id, e) return true end):to(tm.print())
