-- A timer in a function of a window.
local tm = require "tidemill"
local rows = tm.from(tm.file { path = "in.jsonl", schema = { user = "string", price = "int", ts = "timestamp" } })
  :watermark("ts"):key_by("user")
return rows:window(tm.tumbling("1m")):process("a", function(ctx, key, rows) ctx:timer(5) ctx:emit { n = #rows } end):to(tm.print())
