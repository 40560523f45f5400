-- A function for the end of windows that have none.
local tm = require "tidemill"
local S = tm.schema { user = "string", amount = "int", ts = "timestamp" }
return tm.from(tm.file { path = "none.jsonl", schema = S }):key_by("user"):window(tm.count_window(2))
  :process("pairs", { each = function(ctx, key, rows) ctx:emit { n = #rows } end, clear = function(ctx) end }):to(tm.print())
