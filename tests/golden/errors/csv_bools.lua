-- One text for both of true and false.
local tm = require "tidemill"
return tm.from(tm.stdin { format = tm.csv { bools = "yes" }, schema = { ok = "bool" } }):to(tm.print())
