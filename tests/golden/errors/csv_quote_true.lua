-- A quote that is said to be there, not which.
local tm = require "tidemill"
return tm.from(tm.stdin { format = tm.csv { quote = true }, schema = { a = "int" } }):to(tm.print())
