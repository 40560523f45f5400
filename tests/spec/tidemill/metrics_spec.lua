-- Metrics of user code: what is written to which slot, and wrong uses.
local support = require "tests.spec.codegen.support"
local scripts = require "tests.spec.support.scripts"

local c, g, h = support.metrics.counter("c"), support.metrics.gauge("g"), support.metrics.histogram("h")
local SCHEMA = support.schema("n int; x double")

local function rows(count)
  local list = {}
  for i = 1, count do list[i] = { n = i, x = i / 4 } end
  return list
end

-- The bucket of a number by core/base/histogram.c, from its definition.
local function bucket_of(n)
  if n < 32 then return n end
  local exponent = 5
  while 2 ^ (exponent + 1) <= n do exponent = exponent + 1 end
  return (exponent - 4) * 32 + math.floor(n / 2 ^ (exponent - 5)) % 32
end

describe("a metric", function()
  it("counts in the operator that runs, also behind operators that run inside of a flat_map", function()
    local runner = support.runner(support.nodes(SCHEMA, {
      { verb = "flat_map", fn = function(e, out)
        out { n = e.n }
        c:inc()
        out { n = e.n }
        c:inc()
      end },
      { verb = "filter", fn = function(e)
        c:add(e.n)
        return true
      end },
      { verb = "select", columns = { "n" } },
    }))
    runner:batch(rows(300))
    assert.equal(600, runner:slot("c", 1).value)
    assert.equal(2 * 300 * 301 / 2, runner:slot("c", 2).value)
    assert.equal(0, runner:slot("c", 3).value)
  end)

  it("counts in the operator that runs while types are not known", function()
    local runner = support.runner(support.nodes(SCHEMA, {
      { verb = "flat_map", fn = function(e, out)
        out { v = loadstring("return ...")(e.n) }
        c:inc()
      end },
      { verb = "filter", fn = function() c:inc() c:inc() return true end },
    }))
    runner:batch(rows(10))
    assert.equal(10, runner:slot("c", 1).value)
    assert.equal(20, runner:slot("c", 2).value)
  end)

  it("is found in what functions call, capture in tables, and captured methods", function()
    local counters = { inner = { c } }
    local function count() counters.inner[1]:inc() end
    local inc = c.inc
    local runner = support.runner(support.nodes(SCHEMA, {
      { verb = "filter", fn = function() count() return true end },
      { verb = "filter", fn = function() inc(c) return true end },
    }))
    runner:batch(rows(7))
    assert.equal(7, runner:slot("c", 1).value)
    assert.equal(7, runner:slot("c", 2).value)
  end)

  it("that is a gauge holds what was set last, and what is added", function()
    local runner = support.runner(support.nodes(SCHEMA, { { verb = "filter", fn = function(e)
      g:set(e.n)
      g:add(-0.5)
      return true
    end } }))
    assert.equal(0, runner:slot("g", 1).is_set)
    runner:batch(rows(100))
    assert.equal(1, runner:slot("g", 1).is_set)
    assert.equal(99.5, runner:slot("g", 1).value)
  end)

  it("that is a histogram has the engine's buckets, for numbers of every size", function()
    local numbers = { 0, 1, 31, 32, 33, 63, 64, 65, 100, 1000, 1023, 1024, 1025, 123456789, 2 ^ 40 - 1, 2 ^ 40, 2 ^ 52 + 1, 2 ^ 53 }
    for i = 1, 200 do numbers[#numbers + 1] = math.floor(1.2 ^ i) end
    local runner = support.runner(support.nodes(SCHEMA, { { verb = "filter", fn = function(e) h:observe(numbers[e.n]) return true end } }))
    runner:batch(rows(#numbers))
    local expected, most = {}, 0
    for _, n in ipairs(numbers) do
      expected[bucket_of(n)] = (expected[bucket_of(n)] or 0) + 1
      most = math.max(most, n)
    end
    local slot = runner:slot("h", 1)
    for i = 0, 64 * 32 - 1 do assert.equal(expected[i] or 0, tonumber(slot.buckets[i]), "bucket " .. i) end
    assert.equal(most, slot.value)
  end)

  it("that is a histogram rounds to whole numbers", function()
    local runner = support.runner(support.nodes(SCHEMA, { { verb = "filter", fn = function(e) h:observe(e.x) return true end } }))
    runner:batch(rows(4))
    local slot = runner:slot("h", 1)
    assert.same({ 1, 3 }, { tonumber(slot.buckets[0]), tonumber(slot.buckets[1]) })
  end)

  it("says of wrong values what is needed", function()
    local D = support.decimal.make
    for _, wrong in ipairs {
      { function() c:add(-1) end, 'counter "c": add needs a number that is not negative, given -1' },
      { function() c:add(0 / 0) end, "given nan" }, { function() c:add(1 / 0) end, "given inf" },
      { function() c:add() end, "given nil" }, { function() c:inc(2) end, 'counter "c": inc counts one and takes nothing, given 2' },
      { function() c.inc() end, "inc is called on nil" }, { function() g.set(c, 1) end, "set is called on a table" },
      { function() g:set("1") end, 'gauge "g": set needs a finite number, given "1"' }, { function() g:add(1 / 0) end, "given inf" },
      { function() h:observe(-1) end, "observe needs a number from 0 to 2^53, given -1" },
      { function() h:observe(2 ^ 54) end, "given 1.8014398509482e+16" },
      { function() h:observe(D("1.5")) end, "given a decimal (1.5)" },
    } do
      local runner = support.runner(support.nodes(SCHEMA, { { verb = "filter", fn = function() wrong[1]() return true end } }))
      runner:batch(rows(1))
      assert.equal(1, #runner.failures)
      assert.is_truthy(runner.failures[1].message:find(wrong[2], 1, true), runner.failures[1].message)
      assert.equal(support.codes.USER_CODE, runner.failures[1].code)
    end
  end)

  it("may be declared twice alike, and not as another", function()
    local s = scripts.session [[
      local tm = require "tidemill"
      local a, b = tm.counter("a", { unit = "rows" }), tm.counter("a")
      assert(a == b)
      return tm.from(tm.lines())]]
    assert.equal(1, #s.metrics)
    require("tidemill.metrics").leave()
    for text, message in pairs {
      ['tm.counter("a") tm.gauge("a")'] = 'there is a counter "a" at job.lua:2',
      ['tm.counter("a", { unit = "ms" }) tm.counter("a", { unit = "s" })'] = 'there is a counter "a"',
      ['tm.counter()'] = "tm.counter: the name", ['tm.counter("9")'] = "a letter first",
      ['tm.counter("a", { unit = 1 })'] = "tm.counter: unit", ['tm.counter("a", {}, 1)'] = "tm.counter",
      ['tm.counter("a"):inc()'] = "while the script builds the job",
      ['for i = 1, 257 do tm.gauge("g" .. i) end'] = '"g257" is one more than the 256 metrics',
    } do
      local fault = scripts.fault('local tm = require "tidemill"\n' .. text .. " return tm.from(tm.lines())")
      assert.is_truthy(fault.message:find(message, 1, true), fault.message)
      assert.equal("job.lua:2", fault.where)
    end
  end)

  it("has its methods and no others", function()
    local fault = scripts.fault [[
      local tm = require "tidemill"
      local seen = tm.counter("seen")
      return tm.from(tm.lines()):filter(function() seen:icn() return true end)]]
    assert.same({ "UNKNOWN_NAME", 'filter(job.lua:3): a counter has no "icn"; it has add, inc', 'did you mean "inc"?' },
      { fault.code, fault.message, fault.hint })
  end)
end)
