-- A name is one metric.
local tm = require "tidemill"
local rejected = tm.counter("rejected", { unit = "orders" })
local size = tm.gauge("rejected")
return tm.from(tm.lines()):filter(function(line) rejected:inc() size:set(#line) return false end):to(tm.print())
