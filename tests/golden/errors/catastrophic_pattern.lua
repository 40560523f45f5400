-- A regular expression that goes back over its text without end.
local tm = require "tidemill"
local words = tm.re [[^(\w+\s?)+$]]
return tm.from(tm.file { path = "words.txt", format = "text" })
  :filter(function(line) return words:test(line) end)
  :to(tm.print())
