-- Five named groups of each line of a web server's access log, as JSON lines. The same as bench/reference/regex.c.
-- --set input=GLOB --set output=PATH
local tm = require "tidemill"

local entry = tm.re [=[^(?<host>\S+) \S+ \S+ \[(?<time>[^\]]+)\] "(?<method>[A-Z]+) (?<path>\S+) [^"]*" (?<status>\d+)]=]

return tm.from(tm.file { path = tm.arg("input", "build/bench/data/*.log"), format = "text" })
  :map(function(line) return entry:match(line) end)
  :to(tm.file { path = tm.arg("output", "build/bench/regex.jsonl"), format = "json", if_exists = "replace" })
