-- An archive of another kind.
local tm = require "tidemill"
return tm.from(tm.file { path = "in.jsonl.bz2" }):to(tm.print())
