-- A comment character that is the delimiter.
local tm = require "tidemill"
return tm.from(tm.stdin { format = tm.csv { comment = "," }, schema = { a = "int" } }):to(tm.print())
