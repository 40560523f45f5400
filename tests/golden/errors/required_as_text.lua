-- "true" is a text.
local tm = require "tidemill"
return tm.from(tm.stdin { format = "json", schema = { id = { "int", required = "true" } } }):to(tm.print())
