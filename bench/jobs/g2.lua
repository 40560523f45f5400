-- G2: a keyed count over a million keys that gives a row per input. bench/drive feeds it batches made in memory.
local tm = require "tidemill"

local payments = tm.generate { name = "payments", count = tm.arg("count", 1000000), seed = 1, fields = {
  user_id = tm.gen.uniform(0, 999999, "int"),
  amount = tm.gen.uniform(1, 500, "double"),
  quantity = tm.gen.uniform(1, 9, "int"),
  country = tm.gen.choice { "FR", "DE", "US" },
  ts = tm.gen.timestamp { step = "1ms" },
} }

return tm.from(payments):key_by("user_id"):count { as = "n" }:to(tm.discard())
