-- Timers over a stream without a key.
local tm = require "tidemill"
local S = { user_id = "string", amount = "double", n = "int" }
local rows = tm.from(tm.file { path = "in.jsonl", format = "json", schema = S })
return rows:process("seen", {
  state = { seen = tm.operator_list("int") },
  each = function(ctx, e) ctx:timer(e.n) ctx:emit { n = e.n } end,
  timer = function(ctx, at) end,
}):to(tm.print())
