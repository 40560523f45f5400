-- The job under test: rows and times as these lines say. Run by: tidemill test
local tm = require "tidemill"

local HOUR = 3600000

describe("@NAME@", function()
  local t

  before_each(function() t = tm.test("job.lua") end)

  it("adds up what a customer spends in an hour", function()
    t:push("orders", { id = 1, customer = "ann", amount = 20.50, at = 1000 })
    t:push("orders", { id = 2, customer = "ann", amount = 4.25, at = 2000 })
    t:push("orders", { id = 3, customer = "bob", amount = 5, at = 3000 })
    t:advance_watermark(HOUR)
    assert.emits(t, "totals", {
      { customer = "ann", window_start = 0, window_end = HOUR, orders = 2, spent = "24.75" },
      { customer = "bob", window_start = 0, window_end = HOUR, orders = 1, spent = "5.00" },
    })
  end)

  it("leaves orders without an amount out", function()
    t:push("orders", { id = 1, customer = "ann", at = 1000 })
    t:finish()
    assert.emits(t, "totals", {})
  end)
end)
