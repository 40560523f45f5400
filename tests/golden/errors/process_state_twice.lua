-- Two states of one name: Lua would keep the last.
local tm = require "tidemill"
local S = { user_id = "string", amount = "double", n = "int" }
local rows = tm.from(tm.file { path = "in.jsonl", format = "json", schema = S })
return rows:key_by("user_id"):process("velocity", {
  state = {
    last = tm.value("int"),
    last = tm.value("string"),
  },
  each = function(ctx, e) ctx:emit { n = ctx.state.last:get() } end,
}):to(tm.print())
