-- Broadcast state is written by a timer.
local tm = require "tidemill"
local S = tm.schema { user_id = "string", amount = "double", n = "int", ts = "timestamp" }
local rows = tm.from(tm.file { path = "rows.jsonl", schema = S })
local others = tm.from(tm.file { path = "others.jsonl", schema = S })
return rows:watermark("ts"):key_by("user_id"):process_broadcast(others, "check", {
  broadcast = { limit = tm.value("double") },
  each = function(ctx, e) ctx:timer(ctx.time) ctx:emit { n = e.n } end,
  timer = function(ctx, at) ctx.broadcast.limit:set(1) end,
  rule = function(ctx, e) ctx.broadcast.limit:set(e.amount) end,
}):to(tm.print())
