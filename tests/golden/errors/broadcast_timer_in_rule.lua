-- Timers are for the side with keys.
local tm = require "tidemill"
local S = tm.schema { user_id = "string", amount = "double", n = "int", ts = "timestamp" }
local rows = tm.from(tm.file { path = "rows.jsonl", schema = S })
local others = tm.from(tm.file { path = "others.jsonl", schema = S })
return rows:watermark("ts"):key_by("user_id"):process_broadcast(others, "check", {
  each = function(ctx, e) ctx:emit { n = e.n } end,
  rule = function(ctx, e) ctx:timer(e.ts) end,
  timer = function(ctx, at) end,
}):to(tm.print())
