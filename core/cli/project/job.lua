-- @NAME@: what each customer orders and spends in an hour.
local tm = require "tidemill"

local Order = tm.schema {
  id = { "int", required = true },
  customer = { "string", required = true },
  amount = "decimal(10,2)",
  at = { "timestamp", required = true },
}

local orders = tm.from(tm.file {
  path = tm.arg("input", "data/orders.jsonl", "file of orders, JSON Lines"),
  format = "json",
  schema = Order,
  name = "orders",
})

return orders
  :watermark("at", { out_of_order = "1m" })
  :filter(function(e) return e.amount ~= nil end)
  :key_by("customer")
  :window(tm.tumbling("1h"))
  :aggregate("per_hour", { orders = tm.count(), spent = tm.sum("amount") })
  :to(tm.print { name = "totals" })
