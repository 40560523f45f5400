-- A list is changed at its end, or as a whole.
local tm = require "tidemill"
local S = { user_id = "string", amount = "double", n = "int" }
local rows = tm.from(tm.file { path = "in.jsonl", format = "json", schema = S })
return rows:key_by("user_id"):process("velocity", {
  state = { tail = tm.list("double") },
  each = function(ctx, e)
    ctx.state.tail[1] = e.amount
    ctx:emit { n = 1 }
  end,
}):to(tm.print())
