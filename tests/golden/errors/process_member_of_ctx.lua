-- A name that ctx does not have.
local tm = require "tidemill"
local S = { user_id = "string", amount = "double", n = "int" }
local rows = tm.from(tm.file { path = "in.jsonl", format = "json", schema = S })
return rows:key_by("user_id"):process("velocity", {
  each = function(ctx, e) ctx:emit { n = ctx.keys } end,
}):to(tm.print())
