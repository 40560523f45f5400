-- A regular expression that does not parse.
local tm = require "tidemill"
local pattern = tm.re [[(?<year>\d{4}-\d\d]]
return tm.from(tm.lines()):filter(function(line) return pattern:test(line) end):to(tm.print())
