-- A source that a function makes: nothing would ever read it.
local tm = require "tidemill"
return tm.from(tm.lines()):map(function(line)
  local other = tm.from(tm.file { path = "other.jsonl" })
  return { line = line, other = other ~= nil }
end):to(tm.print())
