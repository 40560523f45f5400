-- Jobs that a spec builds itself: as a function, a stream, or a job.
local tm = require "tidemill"

local floor = math.floor
local Row = tm.schema { k = "string", v = "int", ts = "timestamp" }
local LIMIT, NAMES = 3, { a = "ann", b = "bob" }

local function double(v) return v * 2 end
local function power(v, n) if n == 0 then return 1 end return v * power(v, n - 1) end

local function source() return tm.from(tm.stdin { name = "in", format = "json", schema = Row }):watermark("ts") end

describe("a job built by a spec", function()
  it("is a function", function()
    local t = tm.test(function()
      return source():filter(function(e) return e.v < LIMIT end)
        :map(function(e) return { name = NAMES[e.k], v = floor(double(e.v) + 0.5), cube = power(e.v, 3), upper = tm.text.upper(e.k) } end)
        :to(tm.print { name = "out" })
    end, { parallelism = 2 })
    t:push("in", { { k = "a", v = 1, ts = 1 }, { k = "b", v = 2, ts = 2 }, { k = "a", v = 3, ts = 3 } })
    assert.emits(t, "out", { { name = "ann", v = 2, cube = 1, upper = "A" }, { name = "bob", v = 4, cube = 8, upper = "B" } })
  end)

  it("is a stream, with all that was built on it", function()
    local rows = source()
    local p = rows:key_by("k"):process("p", {
      state = { n = tm.value("int", { default = 0 }) },
      each = function(ctx, e)
        ctx.state.n:set(ctx.state.n:get() + 1)
        if e.v > LIMIT then ctx:output("much", { k = e.k, v = e.v }) end
        ctx:emit { k = e.k, n = ctx.state.n:get() }
      end,
    })
    p:side("much"):to(tm.print { name = "much" })
    local out = p:to(tm.print { name = "out" })
    source():to(tm.print { name = "another job" })
    local t = tm.test(out)
    t:push("in", { { k = "a", v = 1, ts = 1 }, { k = "a", v = 5, ts = 2 } })
    assert.emits(t, "out", { { k = "a", n = 1 }, { k = "a", n = 2 } })
    assert.emits(t, "much", { { k = "a", v = 5 } })
    assert.state(t, "p", "a", { n = 2 })
    assert.has_error(function() t:take("another job") end)
  end)

  it("is a job", function()
    local job = tm.job("mine", { parallelism = 2 })
    job:from(tm.lines()):flat_map(function(line, out) for word in line:gmatch("%a+") do out { word = word } end end)
      :key_by("word"):count { as = "n", emit = "final" }:to(tm.print { name = "out" })
    local t = tm.test(job)
    t:push("lines", { "a b a" })
    t:finish()
    assert.emits(t, "out", { { word = "a", n = 2 }, { word = "b", n = 1 } })
  end)

  it("can be built many times", function()
    for limit = 1, 3 do
      local t = tm.test(function()
        return source():filter(function(e) return e.v <= limit end):to(tm.print { name = "out" })
      end)
      t:push("in", { { k = "a", v = 1, ts = 1 }, { k = "a", v = 2, ts = 2 }, { k = "a", v = 3, ts = 3 } })
      assert.equal(limit, #t:take("out"))
    end
  end)

  it("does not take what its functions assign for constants", function()
    local t = tm.test(function()
      local n = 0
      return source():map(function(e) n = n + 1 return { n = n, k = e.k } end):to(tm.print { name = "out" })
    end)
    for _ = 1, 3 do t:push("in", { k = "a", v = 1, ts = 1 }) end
    assert.emits(t, "out", { { n = 1, k = "a" }, { n = 2, k = "a" }, { n = 3, k = "a" } })
  end)

  it("fails at the line of the spec, in the sandbox", function()
    local ok, message = pcall(tm.test, function()
      return source():window(tm.tumbling("1 parsec"))
    end)
    assert.is_false(ok)
    assert.matches("TM0304 .-built_spec.lua:" .. debug.getinfo(1, "l").currentline - 3 .. ":", message)
    ok, message = pcall(tm.test, function()
      return source():map(function(e) return { v = e.nothing } end):to(tm.print { name = "out" })
    end)
    assert.is_false(ok)
    assert.matches("TM0307 .-built_spec.lua:%d+:%d+: map%(built_spec.lua:%d+%): there is no field", message)
    ok, message = pcall(tm.test, function()
      return source():map(function() return { v = io.read() } end):to(tm.print { name = "out" })
    end)
    assert.is_false(ok)
    assert.matches("'io' is not allowed in a job script", message)
  end)
end)
