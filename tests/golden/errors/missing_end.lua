-- A function without its end.
local tm = require "tidemill"
return tm.from(tm.lines())
  :map(function(line)
    if line ~= "" then
      return { n = #line }
  end)
  :to(tm.print())
