-- A helper function that a row gives a wrong argument.
local tm = require "tidemill"
return tm.from(tm.file { path = "words.txt", format = "text" })
  :map(function(line) return { s = tm.text.lpad(line, "wide") } end)
  :to(tm.print())
