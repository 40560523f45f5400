-- A null key belongs nowhere.
local tm = require "tidemill"
local S = { user_id = "string", amount = "double", n = "int" }
local rows = tm.from(tm.file { path = "in.jsonl", format = "json", schema = S })
local K = tm.from(tm.file { path = "null_key.jsonl", format = "json", schema = S })
return K:key_by("user_id"):process("velocity", {
  each = function(ctx) ctx:emit { user_id = ctx.key } end,
}):to(tm.print())
