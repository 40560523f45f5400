-- A value of a map is of its type.
local tm = require "tidemill"
local S = { user_id = "string", amount = "double", n = "int" }
local rows = tm.from(tm.file { path = "in.jsonl", format = "json", schema = S })
return rows:key_by("user_id"):process("velocity", {
  state = { seen = tm.map("string", "int") },
  each = function(ctx, e)
    ctx.state.seen:put(ctx.key, "one")
    ctx:emit { n = 1 }
  end,
}):to(tm.print())
