-- A walk ends with its call.
local tm = require "tidemill"
local S = { user_id = "string", amount = "double", n = "int" }
local kept
local rows = tm.from(tm.file { path = "in.jsonl", format = "json", schema = S })
return rows:key_by("user_id"):process("velocity", {
  state = { seen = tm.map("string", "int") },
  each = function(ctx, e)
    local step, walk = ctx.state.seen:keys()
    ctx.state.seen:put("a", 1)
    kept = kept or walk
    step(kept)
    ctx:emit { n = 1 }
  end,
}):to(tm.print())
