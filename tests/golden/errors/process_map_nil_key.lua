-- Nor is nil a key.
local tm = require "tidemill"
local S = { user_id = "string", amount = "double", n = "int" }
local rows = tm.from(tm.file { path = "in.jsonl", format = "json", schema = S })
return rows:key_by("user_id"):process("velocity", {
  state = { seen = tm.map("string", "int") },
  each = function(ctx, e)
    ctx.state.seen:get(e.user_id == "nobody" and "a" or nil)
    ctx:emit { n = 1 }
  end,
}):to(tm.print())
