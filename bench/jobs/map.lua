-- An entry of a map, read, changed and written by each row: nine maps, of all users each. bench/drive feeds it batches made in memory.
local tm = require "tidemill"

local payments = tm.generate { name = "payments", count = tm.arg("count", 1000000), seed = 1, fields = {
  user_id = tm.gen.uniform(0, 999999, "int"),
  amount = tm.gen.uniform(1, 500, "double"),
  quantity = tm.gen.uniform(1, 9, "int"),
  country = tm.gen.choice { "FR", "DE", "US" },
  ts = tm.gen.timestamp { step = "1ms" },
} }

return tm.from(payments):key_by("quantity"):process("count", {
  state = { counts = tm.map("int", "int") },
  each = function(ctx, e)
    local n = (ctx.state.counts:get(e.user_id) or 0) + 1
    ctx.state.counts:put(e.user_id, n)
    ctx:emit { quantity = ctx.key, n = n }
  end,
}):returns { quantity = "int", n = "int" }:to(tm.discard())
