-- Options of a map that is a state.
local tm = require "tidemill"
local S = { user_id = "string", amount = "double", n = "int" }
local rows = tm.from(tm.file { path = "in.jsonl", format = "json", schema = S })
return rows:key_by("user_id"):process("velocity", {
  state = { seen = tm.map("string", "int", { tll = "1h" }) },
  each = function(ctx, e)
    ctx.state.seen:clear()
    ctx:emit { n = 1 }
  end,
}):to(tm.print())
