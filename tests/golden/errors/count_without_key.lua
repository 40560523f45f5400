-- A rolling count on a stream without a key.
local tm = require "tidemill"
return tm.from(tm.lines()):map(function(line) return { word = line } end):count():to(tm.print())
