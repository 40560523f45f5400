-- A decimal is no number: value:tonumber().
local tm = require "tidemill"
local paid = tm.counter("paid", { unit = "EUR" })
return tm.from(tm.generate { count = 1, fields = { amount = tm.gen.constant("12.50", { type = "decimal(10,2)" }) } })
  :filter(function(e) paid:add(e.amount) return true end):to(tm.print())
