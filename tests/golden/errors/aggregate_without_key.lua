-- Aggregates without a key.
local tm = require "tidemill"
local S = tm.schema { item = "string", ts = "timestamp" }
return tm.from(tm.file { path = "none.jsonl", schema = S }):aggregate("m", { n = tm.count() }):to(tm.print())
