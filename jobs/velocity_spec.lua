local tm = require "tidemill"

describe("velocity", function()
  it("alerts on the sixth payment in a minute", function()
    local t = tm.test("jobs/velocity.lua")
    for i = 1, 6 do t:push("payments", { card = "u1", ts = i * 1000 }) end
    t:advance_watermark(60000)
    assert.same({ { card = "u1", at = 6000, rule = "velocity" } }, t:take("alerts"))
  end)
  for p = 1, 3 do
  it("works at parallelism " .. p, function()
    local t = tm.test("jobs/velocity.lua", { parallelism = p })
    for i = 1, 6 do t:push("payments", { { card = "u1", ts = i * 1000 }, { card = "u2", ts = i * 1000 } , { card = "u3", ts = i * 1000 } }) end
    assert.same({ { card = "u1", at = 6000, rule = "velocity" }, { card = "u2", at = 6000, rule = "velocity" }, { card = "u3", at = 6000, rule = "velocity" } }, t:take("alerts"))
    t:finish()
  end)
  end
end)
