-- A script that returns nothing.
local tm = require "tidemill"
tm.from(tm.lines()):to(tm.print())
