-- A value that does not fit its state.
local tm = require "tidemill"
local S = { user_id = "string", amount = "double", n = "int" }
local rows = tm.from(tm.file { path = "in.jsonl", format = "json", schema = S })
return rows:key_by("user_id"):process("velocity", {
  state = { count = tm.value("int", { default = 0 }) },
  each = function(ctx, e)
    ctx.state.count:set(e.n / 2)
    ctx:emit { n = ctx.state.count:get() }
  end,
}):to(tm.print())
