-- A column is a number in one row and a string in another.
local tm = require "tidemill"
local S = tm.schema { user_id = "string", n = "int" }
return tm.from(tm.file { path = "in.jsonl", format = "json", schema = S })
  :map(function(e)
    if e.n == 2 then return { user_id = e.user_id, size = "large" } end
    return { user_id = e.user_id, size = e.n }
  end)
  :to(tm.print())
