-- Broadcast state is written by each.
local tm = require "tidemill"
local S = tm.schema { user_id = "string", amount = "double", n = "int", ts = "timestamp" }
local rows = tm.from(tm.file { path = "rows.jsonl", schema = S })
local others = tm.from(tm.file { path = "others.jsonl", schema = S })
return rows:key_by("user_id"):process_broadcast(others, "check", {
  broadcast = { limits = tm.map("string", "double") },
  each = function(ctx, e)
    ctx.broadcast.limits:put(e.user_id, e.amount)
    ctx:emit { n = e.n }
  end,
  rule = function(ctx, e) ctx.broadcast.limits:put(e.user_id, e.amount) end,
}):to(tm.print())
