-- Entries are had by get.
local tm = require "tidemill"
local S = { user_id = "string", amount = "double", n = "int" }
local rows = tm.from(tm.file { path = "in.jsonl", format = "json", schema = S })
return rows:key_by("user_id"):process("velocity", {
  state = { seen = tm.map("string", "int") },
  each = function(ctx, e)
    local n = ctx.state.seen.ann
    ctx:emit { n = 1 }
  end,
}):to(tm.print())
