-- Two operators of one name.
local tm = require "tidemill"
return tm.from(tm.lines())
  :filter(function(line) return line ~= "" end):named("clean")
  :filter(function(line) return line ~= "#" end):named("clean")
  :to(tm.print())
