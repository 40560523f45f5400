-- A text that is no number: tonumber gives nil.
local tm = require "tidemill"
return tm.from(tm.file { path = "in.jsonl", format = "text" })
  :map(function(line) return { half = tonumber(line) / 2 } end)
  :to(tm.print())
