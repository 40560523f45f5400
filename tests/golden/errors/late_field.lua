-- A field that an operator above has dropped.
local tm = require "tidemill"
local S = tm.schema { user_id = "string", amount = "double" }
return tm.from(tm.file { path = "in.jsonl", format = "json", schema = S })
  :select("user_id")
  :filter(function(e) return e.amount > 10 end)
  :to(tm.print())
