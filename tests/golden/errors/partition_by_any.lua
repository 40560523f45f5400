-- Folders named by what has no one value.
local tm = require "tidemill"
return tm.from(tm.file { path = "in.jsonl", schema = { user_id = "string", amount = "list(int)" } })
  :to(tm.file { path = "out", partition_by = { "amount" } })
