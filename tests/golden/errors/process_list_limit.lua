-- An aggregate is no state.
local tm = require "tidemill"
local S = { user_id = "string", amount = "double", n = "int" }
local rows = tm.from(tm.file { path = "in.jsonl", format = "json", schema = S })
return rows:key_by("user_id"):process("velocity", {
  state = { tail = tm.list("double", { limit = 5 }) },
  each = function(ctx, e)
    ctx.state.tail:clear()
    ctx:emit { n = 1 }
  end,
}):to(tm.print())
