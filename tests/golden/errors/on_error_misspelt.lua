-- A way to treat errors that there is not.
local tm = require "tidemill"
return tm.from(tm.lines()):map(function(line) return { n = tonumber(line) } end):on_error("ignore"):to(tm.print())
