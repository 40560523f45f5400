-- A reduce that gives another row.
local tm = require "tidemill"
local S = tm.schema { user_id = "string", amount = "double" }
local rows = tm.from(tm.file { path = "in.jsonl", schema = S })
return rows:key_by("user_id"):reduce("r", function(a, e) return { total = a.amount + e.amount } end):to(tm.print())
