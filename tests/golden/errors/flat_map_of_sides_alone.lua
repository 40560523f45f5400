-- A flat_map whose own stream has no rows.
local tm = require "tidemill"
local S = { user_id = "string", amount = "double", n = "int" }
local rows = tm.from(tm.file { path = "in.jsonl", format = "json", schema = S })
return rows:flat_map(function(e, out)
  out("late", e)
end):side("late"):to(tm.print())
