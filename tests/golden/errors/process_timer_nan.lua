-- A timer takes a time.
local tm = require "tidemill"
local S = { user_id = "string", amount = "double", n = "int" }
local rows = tm.from(tm.file { path = "in.jsonl", format = "json", schema = S })
return rows:key_by("user_id"):process("velocity", {
  each = function(ctx, e) ctx:timer(0 / 0) ctx:emit { user_id = e.user_id } end,
  timer = function(ctx, at) ctx:emit { user_id = ctx.key } end,
}):returns { user_id = "string" }:to(tm.print())
