-- A script that opens a file.
local tm = require "tidemill"
local list = io.open("users.txt"):read("*a")
return tm.from(tm.lines()):filter(function(line) return list:find(line, 1, true) ~= nil end):to(tm.print())
