-- Keys of several types: the first record makes the type.
local tm = require "tidemill"
local s = tm.from(tm.file { path = "in.jsonl", schema = "any" })
s = s:map(function(e) e.n = e.n == 1 and 1 or tostring(e.n) return e end)
return s:key_by("n"):count():to(tm.print())
