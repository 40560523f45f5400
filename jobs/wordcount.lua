-- How often does each word occur?
--
--   cat book.txt | tidemill run wordcount.lua
--   tidemill run wordcount.lua --set input=book.txt
--
-- A job is a Lua file that returns a stream which ends in a sink. Nothing runs while this file is read: it only
-- describes what is to be done.
local tm = require "tidemill"

-- An argument of the job: what `--set input=...` gave, else standard input is read.
local input = tm.arg("input", nil, "a text file, or several: 'texts/*.txt'; without it standard input is read")
local source = input and tm.file { path = input, format = "text" } or tm.lines()

return tm.from(source)
  -- A line in, any number of rows out: each call of `out` is one row.
  :flat_map(function(line, out)
    for word in line:gmatch("%w+") do out { word = word:lower() } end
  end)
  -- All rows of the same word meet in one place, however many threads there are.
  :key_by("word")
  -- One row per word when the input ends. Without `emit` there would be one per occurrence: a running count.
  :count { as = "n", emit = "final" }
  :to(tm.print())
