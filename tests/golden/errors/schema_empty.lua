-- A schema without fields.
local tm = require "tidemill"
return tm.from(tm.stdin { format = "json", schema = {} }):to(tm.print())
