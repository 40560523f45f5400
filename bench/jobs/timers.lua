-- State, a timer and a row for each row, and a row for each timer. bench/drive feeds it batches made in memory, and watermarks.
local tm = require "tidemill"

local payments = tm.generate { name = "payments", count = tm.arg("count", 1000000), seed = 1, fields = {
  user_id = tm.gen.uniform(0, 999999, "int"),
  amount = tm.gen.uniform(1, 500, "double"),
  quantity = tm.gen.uniform(1, 9, "int"),
  country = tm.gen.choice { "FR", "DE", "US" },
  ts = tm.gen.timestamp { step = "1ms" },
} }

return tm.from(payments):key_by("user_id"):process("alarms", {
  state = { n = tm.value("int", { default = 0 }) },
  each = function(ctx, e)
    local n = ctx.state.n:get() + 1
    ctx.state.n:set(n)
    ctx:timer(e.ts + 1000 * e.quantity)
    ctx:emit { user_id = ctx.key, n = n }
  end,
  timer = function(ctx) ctx:emit { user_id = ctx.key, n = ctx.state.n:get() } end,
}):returns { user_id = "int", n = "int" }:to(tm.discard())
