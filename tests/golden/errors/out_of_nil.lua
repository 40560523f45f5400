-- A flat_map that gives out nil.
local tm = require "tidemill"
return tm.from(tm.file { path = "in.jsonl", format = "json", schema = { user_id = "string" } })
  :flat_map(function(e, out)
    if e.user_id then out(nil) end
  end)
  :to(tm.print())
