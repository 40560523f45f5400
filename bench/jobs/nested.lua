-- Nested JSON to nested JSON: fields out of structs, a sum over a list of structs, a list passed through. The same as
-- bench/reference/nested.cc. --set input=GLOB --set output=PATH
local tm = require "tidemill"

local Order = tm.schema {
  id = "int", ts = "timestamp",
  customer = "struct(id string, name string, address struct(city string, zip string, country string))",
  items = "list(struct(sku string, qty int, price double))",
  tags = "list(string)",
}

return tm.from(tm.file { path = tm.arg("input", "build/bench/data/*.jsonl"), format = "json", schema = Order })
  :map(function(e)
    local total, pieces = 0, 0
    for i = 1, #e.items do
      local item = e.items[i]
      total = total + item.qty * item.price
      pieces = pieces + item.qty
    end
    local customer = e.customer
    return { id = e.id, ts = e.ts, total = total, pieces = pieces,
      customer = { id = customer.id, place = { city = customer.address.city, country = customer.address.country } },
      tags = e.tags }
  end)
  :returns { id = "int", ts = "timestamp", total = "double", pieces = "int",
    customer = "struct(id string, place struct(city string, country string))", tags = "list(string)" }
  :to(tm.file { path = tm.arg("output", "build/bench/nested.jsonl"), format = "json", if_exists = "replace" })
