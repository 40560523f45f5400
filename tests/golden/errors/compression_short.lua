-- The suffix of a compressed file instead of the compression's name.
local tm = require "tidemill"
return tm.from(tm.file { path = "payments.jsonl", compression = "gz", schema = { id = "int" } }):to(tm.print())
