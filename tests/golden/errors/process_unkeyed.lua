-- State and timers belong to a key, and the stream has none.
local tm = require "tidemill"
local S = { user_id = "string", amount = "double", n = "int" }
local rows = tm.from(tm.file { path = "in.jsonl", format = "json", schema = S })
return rows:process("velocity", {
  state = { n = tm.value("int", { default = 0 }) },
  each = function(ctx, e) ctx:timer(e.n) end,
}):to(tm.print())
