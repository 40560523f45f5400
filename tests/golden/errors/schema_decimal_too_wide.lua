-- More digits than there are.
local tm = require "tidemill"
local S = tm.schema { price = "decimal(40,2)" }
return tm.from(tm.stdin { format = "json", schema = S }):to(tm.print())
