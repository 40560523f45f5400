-- A counter is for functions, not for the script.
local tm = require "tidemill"
local started = tm.counter("started")
started:inc()
return tm.from(tm.lines()):to(tm.print())
