-- Before its first write a state without a default is nil.
local tm = require "tidemill"
local S = { user_id = "string", amount = "double", n = "int" }
local rows = tm.from(tm.file { path = "in.jsonl", format = "json", schema = S })
return rows:key_by("user_id"):process("velocity", {
  state = { n = tm.value("int") },
  each = function(ctx, e) ctx.state.n:set(ctx.state.n:get() + 1) ctx:emit { user_id = e.user_id } end,
}):returns { user_id = "string" }:to(tm.print())
