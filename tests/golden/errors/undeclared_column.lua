-- A column that :returns does not declare.
local tm = require "tidemill"
return tm.from(tm.file { path = "numbers.jsonl", format = "json", schema = { n = "int" } })
  :map(function(e) return { a = e.n, c = e.n } end):returns { a = "int" }
  :to(tm.print())
