-- The key of a stream without one.
local tm = require "tidemill"
local S = { user_id = "string", amount = "double", n = "int" }
local rows = tm.from(tm.file { path = "in.jsonl", format = "json", schema = S })
return rows:process("seen", {
  each = function(ctx, e) ctx:emit { n = e.n, key = ctx.key } end,
}):to(tm.print())
