-- A misspelt field.
local tm = require "tidemill"
local S = tm.schema { user_id = "string", amount = "double" }
return tm.from(tm.file { path = "in.jsonl", format = "json", schema = S })
  :filter(function(e)
    return e.amuont > 10
  end)
  :to(tm.print())
