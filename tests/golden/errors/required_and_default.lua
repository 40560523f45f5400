-- A field that is required and has a default.
local tm = require "tidemill"
return tm.from(tm.stdin { format = "json", schema = { n = { "int", required = true, default = 0 } } }):to(tm.print())
