-- The test kit, by its own means; tests/functional/test_kit runs it under `tidemill test`, busted and Lua 5.1.
local tm = require "tidemill"

local SOURCE = [[
local tm = require "tidemill"
local rows = tm.from(tm.stdin { name = "in", format = "json", schema = { k = "string", v = "int", ts = "timestamp" } }):watermark("ts")
]]

local WINDOWS = SOURCE .. [[
return rows:key_by("k"):window(tm.tumbling("1s")):allowed_lateness("1s"):late("late"):aggregate("w", { n = tm.count(), v = tm.sum("v") })
  :to(tm.print { name = "out" })]]

local CLOCK = SOURCE .. [[
return rows:key_by("k"):process("p", {
  each = function(ctx, e) ctx:timer_processing(ctx.now + e.v) ctx:timer(e.ts + e.v, "late") end,
  timer = function(ctx, at, name) ctx:emit { k = ctx.key, at = at, now = ctx.now, name = name, domain = ctx.domain } end,
}):returns { k = "string", at = "timestamp", now = "timestamp", name = "string", domain = "string" }:to(tm.print { name = "out" })]]

local TWO = [[
local tm = require "tidemill"
local S = tm.schema { k = "string", ts = "timestamp" }
local a = tm.from(tm.stdin { name = "a", format = "json", schema = S }):watermark("ts")
local b = tm.from(tm.file { path = "b/*.jsonl", name = "b", format = "json", schema = S }):watermark("ts", { out_of_order = "1s" })
return a:union(b):key_by("k"):window(tm.tumbling("1s")):aggregate("w", { n = tm.count() }):to(tm.print { name = "out" })]]

local function columns(rows, ...)
  local names, list = { ... }, {}
  for i, row in ipairs(rows) do
    list[i] = {}
    for j, name in ipairs(names) do list[i][j] = tostring(row[name]) end
    list[i] = table.concat(list[i], " ")
  end
  return list
end

for parallelism = 1, 4 do
  describe("at parallelism " .. parallelism, function()
    local function test(code, options)
      options = options or {}
      options.parallelism = parallelism
      return tm.test({ code = code }, options)
    end

    it("windows fire with the watermark, and rows stand in the order of time and key", function()
      local t = test(WINDOWS)
      for i = 1, 20 do t:push("in", { { k = "k" .. i, v = i, ts = 1500 }, { k = "k" .. 21 - i, v = 1, ts = 500 } }) end
      t:advance_watermark(998)
      assert.same({}, t:take("out"))
      t:advance_watermark(2500)
      local rows, causes = t:take("out")
      assert.equal(40, #rows)
      local expected = {}
      for _, start in ipairs { 0, 1000 } do
        local keys = {}
        for i = 1, 20 do keys[i] = "k" .. i end
        table.sort(keys)
        for _, k in ipairs(keys) do expected[#expected + 1] = ("%d %s"):format(start, k) end
      end
      assert.same(expected, columns(rows, "window_start", "k"))
      for _, cause in ipairs(causes) do assert.equal(22, cause) end
      assert.equal(40, t:metrics("w").records_out)
    end)

    it("late rows update, then go to the side output", function()
      local t = test(WINDOWS)
      t:push("in", { k = "a", v = 1, ts = 100 })
      t:advance_watermark(999)
      assert.equal(1999, t:timers("w", "a")[1].at)
      t:push("in", { k = "a", v = 2, ts = 200 })
      assert.emits(t, "out", {
        { k = "a", window_start = 0, window_end = 1000, n = 1, v = 1 }, { k = "a", window_start = 0, window_end = 1000, n = 2, v = 3 } })
      t:advance_watermark(1999)
      t:push("in", { k = "a", v = 3, ts = 300 })
      assert.emits(t, "out", {})
      assert.emits(t, "w.late", { { k = "a", v = 3, ts = 300 } })
    end)

    it("the clock stops where something is due", function()
      local t = test(CLOCK, { now = 1000 })
      t:push("in", { { k = "b", v = 30, ts = 0 }, { k = "a", v = 30, ts = 0 }, { k = "c", v = 10, ts = 0 } })
      t:advance_clock(10)
      assert.emits(t, "out", {})
      t:advance_clock(90)
      local rows, causes = t:take("out")
      assert.same({ "c 1010 1011", "a 1030 1031", "b 1030 1031" }, columns(rows, "k", "at", "now"))
      assert.is_true(causes[1] < causes[2] and causes[2] == causes[3])
      assert.equal(1100, t:now())
      assert.same({ { at = 10, domain = "event", key = "c", name = "late" }, { at = 30, domain = "event", key = "a", name = "late" },
        { at = 30, domain = "event", key = "b", name = "late" } }, t:timers("p"))
      t:finish()
      assert.same({ "c 10", "a 30", "b 30" }, columns(t:take("out"), "k", "at"))
      assert.same({}, t:timers("p"))
    end)

    it("rows that show no key stand in the order of their values, whatever their type", function()
      local t = test(SOURCE .. [[
return rows:key_by("k"):process("p", {
  each = function(ctx, e) ctx:emit { v = e.v / 2, text = e.v > 0 and "b" or nil } ctx:emit { v = -e.v, text = "a" } end,
}):returns { v = "double", text = "string" }:to(tm.print { name = "out" })]])
      t:push("in", { { k = "x", v = 6, ts = 0 }, { k = "y", v = 2, ts = 0 }, { k = "z", v = -1, ts = 0 }, { k = "x", v = 256, ts = 0 } })
      assert.same({ "-256 a", "-6 a", "-2 a", "-0.5 nil", "1 a", "1 b", "3 b", "128 b" }, columns(t:take("out"), "v", "text"))
    end)

    it("a timer of the clock fires when its millisecond is over, unless the test says that it is", function()
      for rule, first in pairs { job = 11, test = 10 } do
        local t = test(CLOCK, { clock = rule })
        t:push("in", { k = "c", v = 10, ts = 0 })
        t:advance_clock(first - 1)
        assert.emits(t, "out", {})
        t:advance_clock(1)
        assert.same({ ("c 10 %d"):format(first) }, columns(t:take("out"), "k", "at", "now"))
      end
    end)

    it("the source that lags holds event time back, unless it is idle or over", function()
      local t = test(TWO)
      t:push("a", { k = "x", ts = 100 })
      t:push("b", { k = "x", ts = 200 })
      t:advance_watermark(5000, "a")
      t:advance_clock(7)
      t:advance_watermark(600, "b")
      assert.emits(t, "out", {})
      local at, holder = t:watermark("w")
      assert.equal(600, at)
      assert.same({ "b", 600, 7 }, { holder.source, holder.at, holder.since })
      t:idle("b")
      assert.watermark(t, "w", 5000)
      assert.emits(t, "out", { { k = "x", window_start = 0, window_end = 1000, n = 2 } })
      t:push("b", { k = "x", ts = 5500 }) -- it counts again once it has caught up
      t:advance_watermark(5700, "b")
      t:advance_watermark(6500, "a")
      assert.watermark(t, "w", 5700)
      t:finish("b")
      assert.watermark(t, "w", 6500)
      assert.emits(t, "out", { { k = "x", window_start = 5000, window_end = 6000, n = 1 } })
      t:finish()
      assert.watermark(t, "w", math.huge)
    end)

    it("the job's own watermarks, where they are wanted", function()
      local t = test(TWO, { watermarks = "job" })
      t:push("a", { { k = "x", ts = 100 }, { k = "x", ts = 3000 } })
      assert.emits(t, "out", {})
      t:push("b", { k = "x", ts = 1999 })
      assert.emits(t, "out", {})
      t:push("b", { k = "x", ts = 2000 })
      assert.emits(t, "out", { { k = "x", window_start = 0, window_end = 1000, n = 1 } })
      assert.equal("b", select(2, t:watermark("w")).source)
      assert.same({ math.huge }, { t:finish():watermark("w") }) -- and nobody holds it
    end)
  end)
end

describe("records", function()
  it("of every type come back as they went in", function()
    local t = tm.test { code = [[
      local tm = require "tidemill"
      return tm.from(tm.stdin { name = "in", format = "json", schema = { b = "bool", i = "int", l = "int64", d = "double", m = "decimal(20,3)",
        s = "string", ts = "timestamp", list = "list(int)", map = tm.map("string", "double"), st = { x = "int", y = "list(string)" }, any = "any" } })
        :to(tm.print { name = "out" })]] }
    local row = { b = true, i = -5, l = "9007199254740993", d = 0.1, m = "12345678901234567.125", s = "a\"\\\n\1 text \195\164", ts = 1767225600000,
      list = { 1, tm.null, 3 }, map = { a = 1.5, b = -2 }, st = { x = 1, y = { "p", "q" } }, any = { 1, "two", { three = 3.5 }, tm.null, true } }
    t:push("in", { { l = 12, b = false }, row, {} })
    row.l = "9007199254740993"
    assert.same({ { l = 12, b = false }, row, {} }, t:take("out"))
    t:push("in", { ts = "2026-01-01T00:00:00Z", m = 1.5 })
    assert.emits(t, "out", { { ts = 1767225600000, m = 1.5 } })
  end)

  it("have tables as their columns say: empty lists, maps of numbers, digits within", function()
    local t = tm.test { code = [[
      local tm = require "tidemill"
      return tm.from(tm.stdin { name = "in", format = "json", schema = { list = "list(string)", map = tm.map("int", "list(int)"),
        st = { items = "list(int)", of = { n = "int64" } }, any = "any", none = tm.map("string", "int") } })
        :map(function(e) return { l = #e.list, m = #e.map[1], s = #e.st.items, n = tostring(e.st.of.n), e = e.any.x == nil } end)
        :returns { l = "int", m = "int", s = "int", n = "string", e = "bool" }:to(tm.print { name = "out" })]] }
    t:push("in", { list = {}, map = { [1] = {}, [2] = { 5 } }, st = { items = {}, of = { n = "9007199254740993" } }, any = {}, none = {} })
    assert.emits(t, "out", { { l = 0, m = 0, s = 0, n = "9007199254740993", e = true } })
  end)

  it("of a changelog have their kind", function()
    local t = tm.test { code = SOURCE .. [[ return rows:key_by("k"):top(1, "v"):to(tm.print { name = "out" }) ]] }
    t:push("in", { { k = "a", v = 1, ts = 1 }, { k = "a", v = 2, ts = 2 } })
    assert.same({ "+I 1", "-D 1", "+I 2" }, columns(t:take("out"), "op", "v"))
  end)

  it("without a shape", function()
    local t = tm.test { code = [[
      local tm = require "tidemill"
      return tm.from(tm.stdin { name = "in", format = "json", schema = "any" }):map(function(e) return { n = #e.list, x = e.x } end)
        :returns { n = "int", x = "string" }:to(tm.print { name = "out" })]] }
    t:push("in", { x = "y", list = { 1, 2 } })
    assert.emits(t, "out", { { n = 2, x = "y" } })
  end)

  it("that are wrong go where the job says", function()
    local t = tm.test { code = [[
      local tm = require "tidemill"
      return tm.from(tm.stdin { name = "in", format = "json", on_error = tm.file { path = "dead.jsonl", name = "dead" },
        schema = { k = { "string", required = true } } }):to(tm.print { name = "out" })]] }
    t:push("in", { { k = "a" }, {}, { k = "b" } })
    assert.emits(t, "out", { { k = "a" }, { k = "b" } })
    assert.equal("TM0404", t:take("dead")[1].code)
    assert.equal(1, t:metrics("in").dead_lettered)
  end)

  it("many at once", function()
    local t = tm.test({ code = SOURCE .. [[ return rows:key_by("k"):count { emit = "final", as = "n" }:to(tm.print { name = "out" }) ]] }, { parallelism = 3 })
    local rows = {}
    for i = 1, 5000 do rows[i] = { k = "k" .. i % 7, v = i, ts = i } end
    t:push("in", rows)
    t:finish()
    local counts, total = t:take("out"), 0
    assert.equal(7, #counts)
    for _, row in ipairs(counts) do total = total + row.n end
    assert.equal(5000, total)
  end)
end)

describe("a job under test", function()
  it("has no more than its sandbox, and the same clock as its test", function()
    local t = tm.test({ code = [[
      local tm = require "tidemill"
      return tm.from(tm.lines()):map(function(l) return { io = pcall(function() return io end), now = os.time() } end):to(tm.print { name = "out" })]] },
      { now = 5000000 })
    t:push("lines", "x")
    assert.emits(t, "out", { { io = false, now = 5000 } })
    assert.is_table(io)
  end)

  it("takes arguments", function()
    local t = tm.test({ code = [[
      local tm = require "tidemill"
      local limit = tm.arg("limit", 10)
      return tm.from(tm.lines()):filter(function(l) return tonumber(l) < limit end):to(tm.print { name = "out" })]] }, { args = { limit = 3 } })
    t:push("lines", { { line = "2" }, { line = "5" } })
    assert.emits(t, "out", { { line = "2" } })
  end)

  it("sees the state of a function of windows of the whole stream, without a key", function()
    for _, parallelism in ipairs { 1, 3 } do
      local t = tm.test({ code = SOURCE .. [[
        return rows:window_all(tm.tumbling(10)):process("w", { state = { seen = tm.value("int", { default = 0, ttl = "never" }) },
          window_state = { fired = tm.value("int", { default = 0 }) },
          each = function(ctx, key, rows)
            ctx.state.seen:set(ctx.state.seen:get() + #rows)
            ctx.window_state.fired:set(ctx.window_state.fired:get() + 1)
            ctx:emit { seen = ctx.state.seen:get() }
          end }):to(tm.print { name = "out" })]] }, { parallelism = parallelism })
      t:push("in", { { k = "a", v = 1, ts = 1 }, { k = "b", v = 1, ts = 2 }, { k = "c", v = 1, ts = 11 } })
      assert.state(t, "w", nil, {})
      t:advance_watermark(9)
      assert.emits(t, "out", { { seen = 2 } })
      assert.state(t, "w", nil, { seen = 2 })
      assert.state(t, "w", {}, { seen = 2 })
      assert.equal(2, t:state("w", nil, "seen"))
      t:close()
    end
  end)

  it("says that windows of rows that overlap are not kept one by one", function()
    local t = tm.test { code = SOURCE .. [[
      return rows:key_by("k"):window(tm.count_window(3, 1)):aggregate("w", { n = tm.count() }):to(tm.print { name = "out" })]] }
    t:push("in", { k = "a", v = 1, ts = 1 })
    local ok, message = pcall(function() t:windows("w", "a") end)
    assert.is_false(ok)
    assert.matches("its windows overlap", message, 1, true)
  end)

  it("calls a record a record where a state is given one", function()
    local t = tm.test { code = SOURCE .. [[
      return rows:key_by("k"):process("p", { state = { s = tm.value("int", { ttl = "never" }) }, each = function(ctx, e)
        ctx.state.s:set(e)
        ctx:emit { k = e.k }
      end }):to(tm.print { name = "out" })]] }
    local ok, message = pcall(function() t:push("in", { k = "a", v = 1, ts = 1 }) end)
    assert.is_false(ok)
    assert.matches('state "s" of key "a" is int, given a record', message, 1, true)
  end)

  it("refuses a side output whose types do not follow", function()
    local ok, message = pcall(tm.test, { code = SOURCE .. [[
      return rows:key_by("k"):process("p", { each = function(ctx, e)
        ctx:output("o", { k = 1 })
        ctx:output("o", { k = e.k })
        ctx:emit { k = e.k }
      end }):to(tm.print { name = "out" })]] })
    assert.is_false(ok)
    assert.matches('TM0314 job:.*side output "o": the type of "k" does not follow', message)
  end)

  it("tells a ctx that is used after its call", function()
    local t = tm.test { code = SOURCE .. [[
      local last
      return rows:key_by("k"):process("p", { state = { s = tm.value("int", { ttl = "never" }) }, each = function(ctx, e)
        if last then last.state.s:set(9) end
        last = ctx
        ctx.state.s:set(e.v)
        ctx:emit { k = e.k }
      end }):returns { k = "string" }:on_error("skip"):to(tm.print { name = "out" })]] }
    t:push("in", { { k = "a", v = 1, ts = 1 }, { k = "b", v = 2, ts = 1 } })
    assert.emits(t, "out", { { k = "a" } })
    assert.state(t, "p", "a", { s = 1 })
    assert.state(t, "p", "b", {})
    assert.equal(1, t:metrics("p").skipped)
  end)

  it("draws the same numbers with the same seed", function()
    local code = [[
      local tm = require "tidemill"
      return tm.from(tm.lines()):map(function(l) return { r = math.random() } end):to(tm.print { name = "out" })]]
    local function draw(seed)
      local t = tm.test({ code = code }, { seed = seed })
      t:push("lines", "x")
      return t:take("out")[1].r
    end
    assert.equal(draw(2 ^ 40), draw(2 ^ 40))
    assert.not_equal(draw(2 ^ 40), draw(2 ^ 41))
  end)

  it("says why it fails, and goes on saying it", function()
    local t = tm.test { code = [[
      local tm = require "tidemill"
      return tm.from(tm.lines()):map(function(l) if l == "bad" then error("no such luck") end return { l = l } end):to(tm.print { name = "out" })]] }
    t:push("lines", "good")
    for _ = 1, 2 do
      local ok, message = pcall(function() t:push("lines", "bad") end)
      assert.is_false(ok)
      assert.matches("kit_spec.lua:%d+: TM0501 job:2: ", message)
      assert.matches("no such luck", message, 1, true)
    end
    assert.has_error(function() t:take("out") end)
  end)

  it("says what is wrong with a key, a state, an operator and a list of rows", function()
    local t = tm.test { code = [[
      local tm = require "tidemill"
      return tm.from(tm.stdin { name = "in", format = "json", schema = { k = "string", v = "int" } }):key_by("k"):process("p", {
        state = { n = tm.value("int", { default = 0 }) }, each = function(ctx, e) ctx.state.n:set(e.v) ctx:emit { v = e.v } end,
      }):to(tm.print { name = "out" })]] }
    local function said(f)
      local ok, message = pcall(f)
      assert.is_false(ok)
      return tostring(type(message) == "table" and message.message or message)
    end
    assert.matches('state%("p"%): its key k: a text is needed, given 5', said(function() t:state("p", 5) end))
    assert.matches("its key k: a text is needed, given nil", said(function() t:state("p") end), 1, true)
    local state = said(function() t:state("p", "a", "m") end)
    assert.matches('no state "m"; it has "n"', state, 1, true)
    assert.is_nil(state:find("file", 1, true))
    local operator = said(function() t:metrics("q") end)
    assert.matches("an operator is called by", operator, 1, true)
    assert.matches("the rows are a list of tables, given { k = \"a\" }", said(function() assert.emits(t, "out", { k = "a" }) end), 1, true)
  end)
end)
