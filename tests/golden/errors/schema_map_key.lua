-- A map with a key that cannot be one.
local tm = require "tidemill"
local S = tm.schema { m = tm.map("double", "int") }
return tm.from(tm.stdin { format = "json", schema = S }):to(tm.print())
