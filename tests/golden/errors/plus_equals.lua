-- An operator of other languages.
local tm = require "tidemill"
return tm.from(tm.lines())
  :map(function(line)
    local n = 0
    n += #line
    return { n = n }
  end)
  :to(tm.print())
