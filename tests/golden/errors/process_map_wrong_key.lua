-- So is a key.
local tm = require "tidemill"
local S = { user_id = "string", amount = "double", n = "int" }
local rows = tm.from(tm.file { path = "in.jsonl", format = "json", schema = S })
return rows:key_by("user_id"):process("velocity", {
  state = { seen = tm.map("decimal(4,2)", "int") },
  each = function(ctx, e)
    ctx.state.seen:put(1000, 1)
    ctx:emit { n = 1 }
  end,
}):to(tm.print())
