-- Many files under the name of one.
local tm = require "tidemill"
local S = tm.schema { user_id = "string", amount = "double", n = "int", big = "int64" }
return tm.from(tm.file { path = "in.jsonl", schema = S }):to(tm.file { path = "out.jsonl.gz", roll = { every = "10m" } })
