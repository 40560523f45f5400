-- An option of a field that there is not.
local tm = require "tidemill"
return tm.from(tm.stdin { format = "json", schema = { n = { "int", defualt = 0 } } }):to(tm.print())
