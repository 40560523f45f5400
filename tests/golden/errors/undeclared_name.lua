-- A variable that is misspelt.
local tm = require "tidemill"
local treshold = 10
return tm.from(tm.file { path = "in.jsonl", format = "json", schema = { amount = "double" } })
  :filter(function(e) return e.amount > threshold end)
  :to(tm.print())
