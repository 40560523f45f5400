-- os.time, os.date and os.clock of job code, against the C library's calendar.
local clock = require "tidemill.clock"

describe("the clock of job code", function()
  local now
  before_each(function()
    now = 1767322800123
    clock.set_source(function() return now end)
    clock.enter(nil)
  end)

  it("is the host's outside of a chunk and the batch's inside", function()
    assert.equal(1767322800, clock.time())
    clock.enter({ now_ms = 5000 })
    assert.equal(5, clock.time())
    assert.equal("1970-01-01 00:00:05", clock.date("%Y-%m-%d %H:%M:%S"))
    clock.enter(nil)
    assert.equal(1767322800, clock.time())
  end)

  it("converts any second to a date and back", function()
    for _, t in ipairs {
      0, -1, 86399, 86400, 951782399, 951782400, 951868800, 4107542400, -62135596800, 253402300799,
    } do
      assert.equal(t, clock.time(clock.date("*t", t)))
    end
    assert.same({ year = 2000, month = 2, day = 29, hour = 0, min = 0, sec = 0, wday = 3, yday = 60, isdst = false },
      clock.date("!*t", 951782400))
  end)

  it("knows days as the C library does", function()
    for t = -1e9, 3e9, 98765431 do
      assert.equal(os.date("!%Y-%m-%dT%H:%M:%S %a %A %b %B %d %j %p %I %w %y %%", t),
        clock.date("%Y-%m-%dT%H:%M:%S %a %A %b %B %d %j %p %I %w %y %%", t))
    end
  end)

  it("carries months and days over", function()
    assert.equal(clock.time { year = 2027, month = 1, day = 1 }, clock.time { year = 2026, month = 13, day = 1 })
    assert.equal(clock.time { year = 2026, month = 3, day = 1 }, clock.time { year = 2026, month = 2, day = 29 })
  end)

  it("measures from its first question", function()
    assert.equal(0, clock.clock())
    now = now + 1500
    assert.equal(1.5, clock.clock())
  end)

  it("refuses conversions that it does not know", function()
    assert.has_error(function() clock.date("%Q") end)
  end)
end)
