-- Two columns of one name in the source.
local tm = require "tidemill"
return tm.from(tm.stdin { format = "json", schema = { a = "int", b = { "int", rename = "a" } } }):to(tm.print())
