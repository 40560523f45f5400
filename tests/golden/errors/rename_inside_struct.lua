-- A name in the source for a field inside a column.
local tm = require "tidemill"
return tm.from(tm.stdin { format = "json", schema = { user = { name = { "string", rename = "n" } } } }):to(tm.print())
