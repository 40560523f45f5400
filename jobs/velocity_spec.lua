-- The velocity rule, in virtual time: tidemill test jobs/velocity_spec.lua
local tm = require "tidemill"

describe("velocity", function()
  for parallelism = 1, 3 do
    describe("at parallelism " .. parallelism, function()
      local t

      before_each(function() t = tm.test("velocity.lua", { parallelism = parallelism }) end)

      it("alerts on the sixth payment in a minute", function()
        for i = 1, 6 do t:push("payments", { card = "u1", ts = i * 1000 }) end
        t:advance_watermark(60000)
        assert.same({ { card = "u1", at = 6000, rule = "velocity" } }, t:take("alerts"))
      end)

      it("counts the cards apart", function()
        for i = 1, 5 do t:push("payments", { { card = "u1", ts = i * 1000 }, { card = "u2", ts = i * 1000 } }) end
        t:push("payments", { card = "u2", ts = 6000 })
        assert.emits(t, "alerts", { { card = "u2", at = 6000, rule = "velocity" } })
        assert.state(t, "velocity", "u1", { count = 5 })
        assert.state(t, "velocity", "u2", { count = 6 })
      end)

      it("forgets a card a minute after its first payment", function()
        for i = 1, 5 do t:push("payments", { card = "u1", ts = i * 1000 }) end
        assert.equal(5, #t:timers("velocity", "u1"))
        t:advance_watermark(61000)
        assert.state(t, "velocity", "u1", {})
        assert.watermark(t, "velocity", 61000)
        t:push("payments", { card = "u1", ts = 62000 })
        assert.emits(t, "alerts", {})
      end)

      it("forgets a card that is silent for an hour, by the clock", function()
        for i = 1, 5 do t:push("payments", { card = "u1", ts = i * 1000 }) end
        t:advance_clock(3600000)
        assert.state(t, "velocity", "u1", {})
        t:push("payments", { card = "u1", ts = 6000 })
        assert.emits(t, "alerts", {})
      end)
    end)
  end
end)
