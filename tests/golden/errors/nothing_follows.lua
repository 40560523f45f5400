-- A stream that ends nowhere.
local tm = require "tidemill"
local lines = tm.from(tm.lines())
lines:map(function(line) return { text = line } end)
return lines:to(tm.print())
