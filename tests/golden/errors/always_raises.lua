-- A map that gives no row, whatever its record is.
local tm = require "tidemill"
return tm.from(tm.file { path = "in.jsonl", format = "json", schema = { user_id = "string" } })
  :map(function(e)
    error("not yet written for " .. tostring(e.user_id))
  end)
  :to(tm.print())
