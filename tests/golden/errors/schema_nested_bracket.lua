-- A type that is not closed.
local tm = require "tidemill"
return tm.from(tm.stdin { format = "json", schema = { l = "list(struct(a int)" } }):to(tm.print())
