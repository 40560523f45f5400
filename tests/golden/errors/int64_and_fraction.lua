-- A 64-bit integer plus a fraction.
local tm = require "tidemill"
local S = tm.schema { user_id = "string", big = "int64" }
return tm.from(tm.file { path = "in.jsonl", format = "json", schema = S })
  :map(function(e) return { user_id = e.user_id, big = e.big + 0.5 } end)
  :to(tm.print())
