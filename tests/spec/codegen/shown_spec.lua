-- The row that goes with a failure: what the failed operator was given, also where that was never a row of its own.
local support = require "tests.spec.codegen.support"

local EVENT = support.schema "user string; amount decimal(10,2); n int; ts timestamp@"
local unknown = setmetatable({}, { __call = function(_, v) return v end })
local D = support.decimal.make

local function failures(specs, rows, options)
  local runner = support.runner(support.nodes(EVENT, specs), options)
  runner:batch(rows)
  return runner.failures
end

local function fail(fn) return { verb = "filter", fn = function(e) if fn(e) then error("bad") end return true end } end

describe("the row of a failure", function()
  it("is the input row of an operator that gets it as it is", function()
    local list = failures({ { verb = "filter", fn = function(e) return e.n > 0 end }, fail(function(e) return e.n == 2 end) },
      { { n = 1 }, { n = 2, user = "x", amount = D "1.50" } })
    assert.same({ "amount=1.50 n=2 user=x" }, support.text { list[1].row })
  end)

  it("has the columns of the operator's input, computed and passed on", function()
    local list = failures({
      { verb = "map", fn = function(e) return { who = e.user, twice = e.n * 2, some = e.amount, no = e.user == "y" } end },
      { verb = "assign", assigns = { { name = "more", fn = function(e) return e.twice + 1 end } } },
      fail(function(e) return e.more == 5 end),
    }, { { n = 1, ts = 7 }, { n = 2, user = "x", amount = D "1.50", ts = 8 } })
    assert.equal(2, list[1].node)
    assert.same({ "$time=8 more=5 no=false some=1.50 twice=4 who=x" }, support.text { list[1].row })
  end)

  it("is the row that a flat_map emitted", function()
    local list = failures({
      { verb = "flat_map", fn = function(e, out) for i = 1, e.n do out { i = i, user = e.user } end end },
      fail(function(e) return e.i == 2 end),
    }, { { n = 3, user = "x" } })
    assert.same({ "i=2 user=x" }, support.text { list[1].row })
  end)

  it("is the same before the chunk's types are settled", function()
    local list = failures({
      { verb = "map", fn = function(e) return { twice = e.n * 2, user = e.user } end },
      fail(function(e) return e.twice == 4 end),
      { verb = "map", fn = function(e) return { late = unknown(nil), twice = e.twice } end },
    }, { { n = 1 }, { n = 2, user = "x" } })
    assert.same({ "twice=4 user=x" }, support.text { list[1].row })
  end)

  it("is that of the nearest operator above whose types are known", function()
    local list = failures({
      { verb = "map", fn = function(e) return { a = unknown(nil), n = e.n } end },
      fail(function(e) return e.n == 2 end),
    }, { { n = 1 }, { n = 2, user = "x" } })
    assert.same({ "n=2 user=x" }, support.text { list[1].row })
  end)

  it("is put together for the first failure of its kind where failed rows are skipped", function()
    local specs = { { verb = "map", fn = function(e) return { twice = e.n * 2 } end }, fail(function() return true end) }
    specs[2].on_error = "skip"
    local list = failures(specs, { { n = 1 }, { n = 2 } })
    assert.same({ "twice=2", "n=2" }, support.text { list[1].row, list[2].row })
  end)
end)
