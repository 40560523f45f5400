-- A field that is null is multiplied.
local tm = require "tidemill"
local S = tm.schema { user_id = "string", amount = "double" }
return tm.from(tm.file { path = "in.jsonl", format = "json", schema = S })
  :map(function(e)
    local tax = e.amount * 0.2
    return { user_id = e.user_id, tax = tax }
  end)
  :to(tm.print())
