-- Decimals have no %.
local tm = require "tidemill"
local rows = tm.from(tm.file { path = "in.jsonl", schema = { amount = { "decimal(10,2)", default = 0 } } })
return rows:map(function(e) return { rest = e.amount % 5 } end):to(tm.print())
