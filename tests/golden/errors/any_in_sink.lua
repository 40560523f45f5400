-- Records without a shape as the schema of a sink.
local tm = require "tidemill"
return tm.from(tm.lines()):to(tm.file { path = "out.jsonl", schema = "any" })
