-- Metrics are few; what is counted by value is counted by key.
local tm = require "tidemill"
local by_user = {}
for i = 1, 1000 do by_user[i] = tm.counter("user_" .. i) end
return tm.from(tm.lines()):filter(function(line) by_user[#line]:inc() return true end):to(tm.print())
