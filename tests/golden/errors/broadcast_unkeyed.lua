-- Rules over a stream without a key.
local tm = require "tidemill"
local S = tm.schema { user_id = "string", amount = "double", n = "int", ts = "timestamp" }
local rows = tm.from(tm.file { path = "rows.jsonl", schema = S })
local others = tm.from(tm.file { path = "others.jsonl", schema = S })
return rows:process_broadcast(others, "check", {
  each = function(ctx, e) ctx:emit { n = e.n } end, rule = function(ctx, e) end,
}):to(tm.print())
