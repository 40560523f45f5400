-- An entry of a map, read, changed and written by each row: a map of nine entries for each user. bench/drive feeds it batches
-- made in memory.
local tm = require "tidemill"

local payments = tm.generate { name = "payments", count = tm.arg("count", 1000000), seed = 1, fields = {
  user_id = tm.gen.uniform(0, 999999, "int"),
  amount = tm.gen.uniform(1, 500, "double"),
  quantity = tm.gen.uniform(1, 9, "int"),
  country = tm.gen.choice { "FR", "DE", "US" },
  ts = tm.gen.timestamp { step = "1ms" },
} }

return tm.from(payments):key_by("user_id"):process("count", {
  state = { counts = tm.map("int", "int") },
  each = function(ctx, e)
    local n = (ctx.state.counts:get(e.quantity) or 0) + 1
    ctx.state.counts:put(e.quantity, n)
    ctx:emit { user_id = ctx.key, n = n }
  end,
}):returns { user_id = "int", n = "int" }:to(tm.discard())
