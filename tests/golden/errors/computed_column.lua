-- A column whose name is known at run time only.
local tm = require "tidemill"
local S = tm.schema { user_id = "string", amount = "double" }
local wanted = "total"
return tm.from(tm.file { path = "in.jsonl", format = "json", schema = S })
  :map(function(e) return { user_id = e.user_id, [wanted] = e.amount } end)
  :to(tm.print())
