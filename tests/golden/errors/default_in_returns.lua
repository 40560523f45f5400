-- A default where nothing is read.
local tm = require "tidemill"
return tm.from(tm.lines()):map(function(l) return { n = #l } end):returns { n = { "int", default = 0 } }
