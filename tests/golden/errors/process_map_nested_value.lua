-- What is wrong within a value is told by its place.
local tm = require "tidemill"
local S = { user_id = "string", amount = "double", n = "int" }
local rows = tm.from(tm.file { path = "in.jsonl", format = "json", schema = S })
return rows:key_by("user_id"):process("velocity", {
  state = { seen = tm.map("string", tm.list { sku = "string", quantity = "int" }) },
  each = function(ctx, e)
    ctx.state.seen:put("a", { { sku = "x", quantity = 1 }, { sku = "y", quantity = 0.5 } })
    ctx:emit { n = 1 }
  end,
}):to(tm.print())
