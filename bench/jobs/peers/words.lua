-- How often each word occurs. --set input=GLOB --set output=PATH
local tm = require "tidemill"

local word = tm.re [[\S+]]

return tm.from(tm.file { path = tm.arg("input"), format = "text" })
  :flat_map(function(line, out)
    for w in word:each(line) do out { word = w } end
  end)
  :key_by("word")
  :count { as = "n", emit = "final" }
  :to(tm.file { path = tm.arg("output"), format = "csv", if_exists = "replace" })
