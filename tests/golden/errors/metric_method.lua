-- Counters count with inc and add.
local tm = require "tidemill"
local rejected = tm.counter("rejected")
return tm.from(tm.lines()):filter(function() rejected:increment() return false end):to(tm.print())
