-- A column whose name is known at run time only.
local tm = require "tidemill"
local S = tm.schema { user_id = "string", amount = "double" }
return tm.from(tm.file { path = "in.jsonl", format = "json", schema = S })
  :map(function(e) return { [e.user_id] = e.amount } end)
  :to(tm.print())
