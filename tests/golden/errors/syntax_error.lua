-- A missing `end`.
local tm = require "tidemill"
return tm.from(tm.lines())
  :map(function(line) return { text = line:upper() }
  :to(tm.print())
