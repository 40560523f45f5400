-- A timer at no time.
local tm = require "tidemill"
local S = { user_id = "string", amount = "double", n = "int" }
local rows = tm.from(tm.file { path = "in.jsonl", format = "json", schema = S })
return rows:key_by("user_id"):process("velocity", {
  each = function(ctx, e)
    ctx:timer(ctx.time)
    ctx:emit { n = 1 }
  end,
  timer = function(ctx, at) end,
}):to(tm.print())
