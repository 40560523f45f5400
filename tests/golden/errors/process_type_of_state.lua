-- What a state is declared by is no type alone.
local tm = require "tidemill"
local S = { user_id = "string", amount = "double", n = "int" }
local rows = tm.from(tm.file { path = "in.jsonl", format = "json", schema = S })
return rows:key_by("user_id"):process("velocity", {
  state = { count = "int" },
  each = function(ctx, e) ctx:emit { n = 1 } end,
}):to(tm.print())
