-- A flag that PCRE2 has in another form.
local tm = require "tidemill"
local S = tm.schema { user_id = "string", amount = "double" }
local rows = tm.from(tm.file { path = "in.jsonl", schema = S })
local re = tm.re("a", "q")
return rows:filter(function(e) return re:test(e.user_id) end):to(tm.print())
