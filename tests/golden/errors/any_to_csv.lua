-- Records without a shape as CSV.
local tm = require "tidemill"
return tm.from(tm.stdin { format = "json", schema = "any" }):to(tm.file { path = "out.csv" })
