-- Branches that give a column two types.
local tm = require "tidemill"
return tm.from(tm.file { path = "numbers.jsonl", format = "json", schema = { n = "int", big = "int64" } })
  :map(function(e)
    if e.n then return { x = e.n } else return { x = e.big } end
  end)
  :to(tm.print())
