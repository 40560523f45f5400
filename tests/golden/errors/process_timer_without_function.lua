-- A timer for which there is no function.
local tm = require "tidemill"
local S = { user_id = "string", amount = "double", n = "int" }
local rows = tm.from(tm.file { path = "in.jsonl", format = "json", schema = S })
return rows:key_by("user_id"):process("velocity", {
  each = function(ctx, e)
    ctx:timer(e.n + 1000)
    ctx:emit { n = 1 }
  end,
}):to(tm.print())
