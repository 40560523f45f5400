-- A default that its column cannot have.
local tm = require "tidemill"
return tm.from(tm.stdin { format = "json", schema = { amount = { "decimal(10,2)", default = "none" } } }):to(tm.print())
