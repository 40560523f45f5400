-- open runs once for a subtask, without a key.
local tm = require "tidemill"
local S = { user_id = "string", amount = "double", n = "int" }
local rows = tm.from(tm.file { path = "in.jsonl", format = "json", schema = S })
return rows:key_by("user_id"):process("velocity", {
  state = { count = tm.value("int") },
  open = function(ctx) ctx.state.count:set(1) end,
  each = function(ctx, e) ctx:emit { n = 1 } end,
}):to(tm.print())
