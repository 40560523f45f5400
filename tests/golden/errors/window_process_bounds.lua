-- The bounds of a window that has none.
local tm = require "tidemill"
local rows = tm.from(tm.file { path = "in.jsonl", schema = { user = "string", price = "int", ts = "timestamp" } })
  :watermark("ts"):key_by("user")
return rows:window(tm.count_window(5)):process("a", function(ctx, key, rows) ctx:emit { from = ctx.window_start } end):to(tm.print())
