-- A state that nobody declared.
local tm = require "tidemill"
local S = { user_id = "string", amount = "double", n = "int" }
local rows = tm.from(tm.file { path = "in.jsonl", format = "json", schema = S })
return rows:key_by("user_id"):process("velocity", {
  state = { count = tm.value("int", { default = 0 }) },
  each = function(ctx, e) ctx:emit { n = ctx.state.cuont:get() } end,
}):to(tm.print())
