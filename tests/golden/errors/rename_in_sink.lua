-- A name in the source for a column that is written.
local tm = require "tidemill"
return tm.from(tm.lines()):to(tm.file { path = "out.jsonl", schema = { line = { "string", rename = "l" } } })
