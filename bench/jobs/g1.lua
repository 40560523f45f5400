-- G1: a chain of five filters, maps and assigns. bench/drive feeds the chain batches made in memory; run as it is, the
-- generator's cost is in the figures too.
local tm = require "tidemill"

local payments = tm.generate { name = "payments", count = tm.arg("count", 1000000), seed = 1, fields = {
  user_id = tm.gen.uniform(0, 999999, "int"),
  amount = tm.gen.uniform(1, 500, "double"),
  quantity = tm.gen.uniform(1, 9, "int"),
  country = tm.gen.choice { "FR", "DE", "US", "GB", "ES", "IT", "PL", "NL", "BE", "SE",
    "NO", "DK", "FI", "PT", "IE", "AT", "CH", "CZ", "GR", "RO" },
  ts = tm.gen.timestamp { step = "1ms" },
} }

return tm.from(payments)
  :filter(function(e) return e.amount > 20 end)
  :assign { total = function(e) return e.amount * e.quantity end }
  :filter(function(e) return e.country ~= "US" end)
  :map(function(e)
    return { user_id = e.user_id, country = e.country, total = e.total, fee = e.total * 0.029 + 0.3, ts = e.ts }
  end)
  :assign { net = function(e) return e.total - e.fee end }
  :to(tm.discard())
