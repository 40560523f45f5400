-- A file without records, of which a schema is to be inferred.
local tm = require "tidemill"
return tm.from(tm.file { path = "empty.jsonl", format = "json" }):to(tm.print())
