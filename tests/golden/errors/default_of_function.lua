-- A default that is no value.
local tm = require "tidemill"
return tm.from(tm.stdin { format = "json", schema = { at = { "timestamp", default = function() return 0 end } } }):to(tm.print())
