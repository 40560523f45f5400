-- Chunks of a process: state where it lies, rows and timers that stand when a call has returned, and nothing of one that failed.
local support = require "tests.spec.codegen.support"
local ffi = require "ffi.init"
local keyed = require "codegen.keyed"
local codes, D, I = support.codes, support.decimal.make, support.int64.parse
local state = support.state
local libraries = require "tidemill.libraries"
local pairs, ipairs = libraries.pairs, libraries.ipairs -- as job code has them

local INPUT = support.schema("user string; amount double; n int; ts timestamp@")

-- A process whose rows go to the keys that `add` names.
local function bench(spec, role)
  spec.key = spec.key or { "user" }
  local nodes = support.process(INPUT, spec)
  local runner = support.runner(nodes, { among = { role = role or "each", subtask = 3 } })
  runner.timers, runner.settled = {}, {}
  local at, slots = support.records(runner, 16)
  local b = { runner = runner, node = nodes[1], at = at }
  function b.give(list, schema)
    for i, r in ipairs(list) do slots[i - 1] = at(r.key or 0) end
    runner.ctx.slot_index = 0
    local buffer, size = support.buffer(schema or INPUT, list)
    runner:give(buffer, size)
    local rc = support.enter(runner.instance.run, runner.instance)
    assert.equal(0, rc)
    return runner:take()
  end
  return b
end

local function rows(...)
  local list = {}
  for i, v in ipairs { ... } do list[i] = { user = "u", amount = v, n = i, ts = 1000 * i } end
  return list
end

describe("a process", function()
  it("keeps values of every type by key", function()
    local b = bench { state = { n = state.value("int", { default = 5 }), x = state.value("double"), at = state.value("timestamp"),
        ok = state.value("bool"), big = state.value("int64", { default = 2 }), price = state.value("decimal(10,2)"),
        text = state.value("string"), list = state.value("list(double)") },
      each = function(ctx, e)
        local s = ctx.state
        s.n:set(s.n:get() + 1)
        s.x:set((s.x:get() or 0) + e.amount)
        s.at:set(e.ts)
        s.ok:set(not s.ok:get())
        s.big:set(s.big:get() * 3)
        s.price:set(s.price:get() and s.price:get() + s.price:get() or 1.5)
        s.text:set((s.text:get() or "") .. e.n)
        local list = s.list:get()
        s.list:set { list and list[1] or e.amount, e.amount }
        ctx:emit { n = s.n:get(), x = s.x:get(), at = s.at:get(), ok = s.ok:get(), big = s.big:get(), price = s.price:get(),
          text = s.text:get(), list = s.list:get() }
      end }
    local out = b.give(rows(1, 2, 4))
    assert.same({ { 6, 7, 8 }, { 1, 3, 7 }, { true, false, true }, { "1", "12", "123" } },
      { { out[1].n, out[2].n, out[3].n }, { out[1].x, out[2].x, out[3].x }, { out[1].ok, out[2].ok, out[3].ok },
        { out[1].text, out[2].text, out[3].text } })
    assert.equal(I "54", out[3].big)
    assert.equal(D "6.00", out[3].price)
    assert.same({ 1, 4 }, out[3].list)
    assert.equal(3000, out[3].at)
  end)

  -- Memory can run out in the engine's own code. Until the row is left its call can be taken back; behind that the one is over and
  -- the next has not begun.
  it("takes an error between two calls for none of theirs", function()
    local function fail_at(line)
      local b = bench { state = { n = state.value("int", { default = 0 }) },
        each = function(ctx)
          ctx.state.n:set(ctx.state.n:get() + 1)
          ctx:emit { n = ctx.state.n:get() }
        end }
      assert.equal(1, b.give(rows(1))[1].n)
      local seen = 0
      local function hook()
        local at = debug.getinfo(2, "Sn")
        if not at.source:find("^=tidemill:chain") or at.name ~= "row" then return end
        seen = seen + 1
        if seen ~= line then return end
        debug.sethook()
        error("not enough memory", 0)
      end
      local ok, out = pcall(function()
        debug.sethook(hook, "l")
        return b.give(rows(1, 2))
      end)
      debug.sethook()
      assert.equal(line, seen)
      return ok, out, #b.runner.failures
    end
    local ok, out, failures = fail_at(3) -- behind the call
    assert.same({ true, 1, { n = 2 } }, { ok, failures, { n = out[1].n } }) -- the second row counts on from 1
    ok, out, failures = fail_at(4) -- behind the row
    assert.same({ false, "not enough memory", 0 }, { ok, out, failures })
  end)

  it("takes a value away with clear and with nil", function()
    local b = bench { state = { a = state.value("int"), b = state.value("string", { default = "none" }) },
      each = function(ctx, e)
        if e.n == 1 then ctx.state.a:set(1) ctx.state.b:set("x") else ctx.state.a:clear() ctx.state.b:set(nil) end
        ctx:emit { a = ctx.state.a:get(), b = ctx.state.b:get() }
      end }
    local out = b.give(rows(1, 2))
    assert.same({ a = 1, b = "x" }, { a = out[1].a, b = out[1].b })
    assert.same({ b = "none" }, { a = out[2].a, b = out[2].b })
    assert.equal(0, ffi.cast("int32_t *", b.at(0))[0]) -- no bit is left: the entry can go
  end)

  it("folds what is added to a reducing and an aggregating state", function()
    local mean = require("tidemill.custom").new({ at = "job.lua:1" }, { accumulator = { sum = "double", n = { "int", default = 10 } },
      add = function(a, e) a.sum = a.sum + e.amount a.n = a.n + 1 end, result = function(a) return { sum = a.sum, n = a.n } end })
    local b = bench { state = { most = state.reducing("double", math.max), mean = state.aggregating(mean) },
      each = function(ctx, e)
        ctx.state.most:add(e.amount)
        ctx.state.mean:add(e)
        local m = ctx.state.mean:get()
        ctx:emit { most = ctx.state.most:get(), sum = m.sum, n = m.n }
      end, returns = support.schema "most double; sum double; n int" }
    local out = b.give(rows(3, 1, 7))
    assert.same({ most = 7, sum = 11, n = 13 }, { most = out[3].most, sum = out[3].sum, n = out[3].n })
  end)

  it("undoes a call that fails: state, rows, side rows; and tells C to undo timers and blobs", function()
    local b = bench { state = { n = state.value("int", { default = 0 }), x = state.value("double") },
      read_sides = { { tag = "log" } },
      each = function(ctx, e)
        ctx.state.n:set(ctx.state.n:get() + 1)
        ctx.state.x:set(e.amount)
        ctx:output("log", { n = e.n })
        ctx:emit { n = ctx.state.n:get() }
        ctx:timer(e.ts, "t" .. e.n)
        if e.amount < 0 then error("negative") end
        ctx:emit { n = -ctx.state.n:get() }
      end,
      timer = function() end }
    local out = b.give(rows(1, -1, 2))
    assert.same({ 1, -1, 2, -2 }, { out[1].n, out[2].n, out[3].n, out[4].n })
    local log = b.runner:take_side(1)
    assert.same({ 1, 3 }, { log[1].n, log[2].n })
    assert.same({ 1, 0, 1 }, b.runner.settled)
    assert.equal(1, #b.runner.failures)
    assert.truthy(b.runner.failures[1].message:find("negative", 1, true))
    assert.equal(2, tonumber(b.runner.ctx.counts[3])) -- used
  end)

  it("looks at numbers that were calculated, and not at those that it holds", function()
    local spec = { state = { n = state.value("int") }, returns = support.schema "same int; kept int; key string; next int; time timestamp",
      each = function(ctx, e)
        if e.amount == 0 then ctx.state.n:set(7) end
        local big, time = e.n * e.n, e.ts * 1e300
        if e.amount == 1 then big = e.n / 2 elseif e.amount == 2 then big = big * big end
        if e.amount == 3 then time = time * 1e300 - time * 1e300 elseif e.amount ~= 4 then time = e.ts end
        ctx:emit { same = e.n, kept = ctx.state.n:get(), key = ctx.key, next = big, time = time }
      end }
    local b = bench(spec)
    local function given(amount, n) return b.give { { user = "u", amount = amount, n = n, ts = 5 } }[1] end
    local out = given(0, 67108863)
    assert.same({ 67108863, 7, "u", 67108863 * 67108863, 5 }, { out.same, out.kept, out.key, out.next, out.time })
    assert.equal(2, given(1, 4).next)
    for i, wrong in ipairs { { 1, 3 }, { 2, 67108863 }, { 0, 2 ^ 27 }, { 3, 1 }, { 4, 1 } } do
      assert.is_nil(given(wrong[1], wrong[2]))
      assert.equal(i, #b.runner.failures)
    end
    local node = b.runner.nodes[1].codegen
    assert.equal("int", node.numbers.same)
    assert.equal("int", node.numbers.kept)
    assert.is_nil(node.numbers.next) -- divided in one branch
    assert.equal("whole", node.numbers.time)
  end)

  -- Rows of all kinds, in long runs and short ones: before the loop of long runs is recorded, in it, behind it, when it is recorded
  -- again, and behind the loss of all traces.
  it("does the same with a row in the loop that long runs take", function()
    local b = bench { state = { n = state.value("int", { default = 0 }), x = state.value("double"), sum = state.value("double") },
      each = function(ctx, e)
        local n = ctx.state.n:get() + 1
        ctx.state.n:set(n)
        ctx.state.x:set(e.amount)
        ctx.state.sum:set((ctx.state.sum:get() or 0) + e.amount)
        if n % 4 ~= 0 then ctx:emit { n = n, user = ctx.key, sum = ctx.state.sum:get(), i = e.n } end
        if e.amount < 0 then error("negative") end
        if n % 5 == 0 then ctx:emit { n = -n, half = n / 2 } end
      end }
    local kept, failed, draw = {}, 0, 1
    for round = 1, 200 do
      local list, expected = {}, {}
      for i = 1, round % 3 == 0 and 3 or 100 do
        draw = draw * 48271 % 2147483647
        local r = { key = draw % 16, user = "u" .. draw % 3, amount = draw % 37 == 0 and -1 or draw % 50, n = i, ts = i }
        if draw % 41 == 0 then r.user = nil end
        list[i] = r
        local k = kept[r.key] or { n = 0, sum = 0 }
        if r.amount < 0 then
          failed = failed + 1
        else
          kept[r.key] = { n = k.n + 1, sum = k.sum + r.amount }
          k = kept[r.key]
          if k.n % 4 ~= 0 then expected[#expected + 1] = { n = k.n, user = r.user, sum = k.sum, i = i, ["$time"] = i } end
          if k.n % 5 == 0 then expected[#expected + 1] = { n = -k.n, half = k.n / 2, ["$time"] = i } end
        end
      end
      assert.same(support.text(expected), support.text(b.give(list)))
      assert.equal(failed, #b.runner.failures)
      if round == 150 then jit.flush() end
    end
    assert.equal(b.runner.instance.chunk.steady.run, b.runner.instance.steady.run)
  end)

  it("keeps rows of earlier calls when the output moves in a call that fails", function()
    local b = bench { each = function(ctx, e)
      for _ = 1, e.amount do ctx:emit { text = ("x"):rep(100), n = e.n } end
      if e.n == 2 then error("too many") end
    end }
    local out = b.give(rows(3, 60, 2))
    assert.equal(5, #out)
    assert.same({ 1, 1, 1, 3, 3 }, { out[1].n, out[2].n, out[3].n, out[4].n, out[5].n })
  end)

  it("names the state, the key and the value that does not fit", function()
    local b = bench { key = { "user", "n" }, state = { count = state.value("int") },
      each = function(ctx, e) ctx.state.count:set(e.amount) ctx:emit { a = 1 } end }
    b.give(rows(1.5))
    local f = b.runner.failures[1]
    assert.equal(codes.ROW_TYPE, f.code)
    assert.truthy(f.message:find('state "count" of key { user = "u", n = 1 } is int: 1.5 is not a whole number', 1, true), f.message)
  end)

  it("forgets a value when its time is over, by the watermark or the clock", function()
    local b = bench { state = { event = state.value("int", { ttl = 100, clock = "event" }),
        read = state.value("int", { ttl = 100, clock = "event", refresh = "access" }), wall = state.value("int", { ttl = 50 }) },
      each = function(ctx, e)
        ctx:emit { event = ctx.state.event:get(), read = ctx.state.read:get(), wall = ctx.state.wall:get() }
        if e.n == 1 then ctx.state.event:set(1) ctx.state.read:set(1) ctx.state.wall:set(1) end
      end }
    local function see(n, ts, watermark, clock)
      b.runner.ctx.watermark, b.runner.ctx.clock_ms = watermark, clock
      local out = b.give { { user = "u", amount = 0, n = n, ts = ts } }
      return { out[1].event or 0, out[1].read or 0, out[1].wall or 0 }
    end
    assert.same({ 0, 0, 0 }, see(1, 1000, -math.huge, 5000))
    assert.same({ 1, 1, 1 }, see(2, 1050, 1099, 5049))
    assert.same({ 0, 1, 0 }, see(2, 1000, 1100, 5050))
    assert.same({ 0, 1, 0 }, see(2, 1000, 1149, 5050))
    assert.same({ 0, 0, 0 }, see(2, 1000, 1150, 5050))
  end)

  it("gives timers the key, their time, name and domain, and ends a run where C says so", function()
    local b = bench({ state = { n = state.value("int", { default = 0 }) },
      each = function(ctx) ctx:emit { user = ctx.key, at = ctx.time, what = "", n = 0 } end,
      timer = function(ctx, at, name)
        ctx.state.n:set(ctx.state.n:get() + 1)
        ctx:emit { user = ctx.key, at = at, what = ctx.domain .. (name or ""), n = ctx.state.n:get() }
      end }, "timer")
    local schema = b.node.codegen.timer_schema
    local out = b.give({ { user = "u", ["$at"] = 5, ["$name"] = "x", ["$domain"] = "event", ["$time"] = 5 },
      { user = "v", ["$at"] = 6, ["$domain"] = "processing", key = 1 } }, schema)
    assert.same({ user = "u", at = 5, what = "eventx", n = 1, time = 5 },
      { user = out[1].user, at = out[1].at, what = out[1].what, n = out[1].n, time = out[1]["$time"] })
    assert.same({ user = "v", what = "processing", n = 1 },
      { user = out[2].user, what = out[2].what, n = out[2].n, time = out[2]["$time"] })
  end)

  it("refuses what ctx and states do not have, at the line that names it", function()
    local function fails(each, declared)
      local ok, err = pcall(support.process, INPUT, { key = { "user" }, state = declared, each = each })
      assert.is_false(ok)
      return err.code .. ": " .. err.message
    end
    assert.equal('UNKNOWN_NAME: velocity: there is no state "m"; the states are n', fails(function(ctx)
      ctx:emit { a = ctx.state.m:get() }
    end, { n = state.value "int" }))
    assert.equal("UNKNOWN_NAME: velocity: a value state has no add; it has get, set, clear", fails(function(ctx)
      ctx.state.n:add(1)
    end, { n = state.value "int" }))
    assert.equal("ARGUMENT: velocity: ctx:timer: the operator has no function for timers", fails(function(ctx) ctx:timer(1) end))
    local computed = fails(function(ctx, e) ctx:output(e.user, {}) ctx:emit { a = 1 } end)
    assert.truthy(computed:find("TYPE: velocity: ctx:output takes a tag", 1, true))
  end)

  it("refuses values that are called, members that are assigned and arguments that nothing takes", function()
    local function fails(each)
      local ok, err = pcall(support.process, INPUT, { key = { "user", "n" }, timer = function() end, each = each,
        state = { n = state.value "int", m = state.map("int", "int"), l = state.list "int" } })
      assert.is_false(ok)
      return err.code .. ": " .. err.message .. " " .. (err.hint or "")
    end
    assert.equal("USER_CODE: velocity: ctx.emit is called without ctx with a colon: ctx:emit(...)", fails(function(ctx) ctx.emit { a = 1 } end))
    assert.equal("USER_CODE: velocity: ctx.output is called without ctx with a colon: ctx:output(...)",
      fails(function(ctx) ctx.output("a", { a = 1 }) ctx:emit { a = 1 } end))
    assert.equal("TYPE: velocity: ctx.time is called as a function, and is a value of type timestamp without parentheses: ctx.time",
      fails(function(ctx) ctx:time(5) end))
    assert.equal("TYPE: velocity: ctx.domain is called as a function, and is nil here without parentheses: ctx.domain",
      fails(function(ctx) ctx.domain() end))
    local function has(text, each)
      local said = fails(each)
      assert.is_truthy(said:find(text, 1, true), said)
    end
    has('USER_CODE: velocity: ctx is read-only: cannot set "key"', function(ctx) ctx.key = 1 end)
    has('ctx is read-only: cannot set "count" what is kept for the key is state: ctx.state.name:set(value)',
      function(ctx) ctx.count = 1 end)
    has('ctx.state is read-only: cannot set "n" ctx.state.n:set(value)', function(ctx) ctx.state.n = 5 end)
    has('ctx.key is read-only: cannot set "user"', function(ctx) ctx.key.user = "x" end)
    has('USER_CODE: velocity: state "l": add takes one argument, given more add_all { a, b } adds several',
      function(ctx) ctx.state.l:add(1, 2) end)
    has('state "l": get takes no argument, given more one of them by its number: ctx.state.l[1]',
      function(ctx) return ctx.state.l:get(1) end)
    has('state "m": get takes one argument, given more where the map has no such key it is nil: ctx.state.m:get(key) or 0',
      function(ctx) return ctx.state.m:get(1, 0) end)
    has('state "m": put takes two arguments, given more', function(ctx) ctx.state.m:put(1, 2, 3) end)
    has('state "n": set takes one argument, given more', function(ctx) ctx.state.n:set(1, 2) end)
  end)

  it("tells arguments beyond those of a list when it runs, where it cannot know before", function()
    local b = bench { state = { l = state.list "string" }, each = function(ctx, e)
      local list = ctx.state.l
      if e.n == 1 then list:add(("a-b"):gsub("-", "+"))
      elseif e.n == 2 then list:get(unpack { e.n })
      else list:add((("a-b"):gsub("-", "+"))) end
      ctx:emit { n = #list }
    end, returns = support.schema("n int") }
    local out = b.give(rows(1, 2, 3))
    assert.same({ 1, 1 }, { #out, out[1].n })
    assert.same({ 'state "l": add takes one argument, given more', 'state "l": get takes no argument, given more' },
      { b.runner.failures[1].message:match('state "l".*more'), b.runner.failures[2].message:match('state "l".*more') })
  end)

  it("warns of a ctx that is kept beyond its call", function()
    local saved
    local node = support.process(INPUT, { key = { "user" }, each = function(ctx)
      saved = ctx
      saved:emit { n = 1 }
    end, returns = support.schema("n int") })[1]
    local found = {}
    for _, f in ipairs(node.findings) do found[#found + 1] = f.code end
    assert.same({ "KEPT_RECORD", "CAPTURED" }, found)
    assert.is_truthy(node.findings[1].message:find("ctx is kept in the captured variable 'saved'", 1, true))
  end)

  it("keeps maps with keys and values of every type", function()
    local TYPES = { s = "string", b = "bytes", o = "bool", i = "int", l = "int64", d = "double", m = "decimal(10,2)", t = "timestamp" }
    local VALUES = { s = "a text", b = "\255\0", o = true, i = -5, l = I "9007199254740993", d = 0.1, m = D "12.50", t = 1700000000000 }
    local declared = {}
    for name, text in pairs(TYPES) do declared["k" .. name], declared["v" .. name] = state.map(text, "int"), state.map("int", text) end
    declared.nested = state.map("string", "list(struct(x double,y list(string)))")
    declared.any = state.map("string", "any")
    local seen = {}
    local b = bench { state = declared, each = function(ctx, e)
      local s = ctx.state
      if e.n == 1 then
        for name in pairs(TYPES) do
          s["k" .. name]:put(VALUES[name], 7)
          s["v" .. name]:put(7, VALUES[name])
        end
        s.nested:put("a", { { x = 1, y = { "p", "q" } }, { x = 2 } })
        s.any:put("", { deep = { 1, "two" } })
      else
        for name in pairs(TYPES) do
          seen["k" .. name], seen["v" .. name] = s["k" .. name]:get(VALUES[name]), s["v" .. name]:get(7)
          for k, v in s["k" .. name]:pairs() do seen["e" .. name] = k == VALUES[name] and v == 7 end
        end
        local list, any = s.nested:get("a"), s.any:get("")
        s.nested:put("a", {}) -- what was read stays
        seen.nested = { #list, list[1].x, list[1].y[2], list[2].x, list[2].y, any.deep[2], #s.nested:get("a") }
      end
      ctx:emit { n = 1 }
    end }
    b.give(rows(1, 2))
    assert.same({}, b.runner.failures)
    for name in pairs(TYPES) do
      assert.equal(7, seen["k" .. name])
      assert.is_true(seen["v" .. name] == VALUES[name], name)
      assert.is_true(seen["e" .. name], name)
    end
    assert.same({ 2, 1, "q", 2, nil, "two", 0 }, seen.nested)
  end)

  it("reads and writes an entry that is known without a call of C", function()
    local given = {}
    local b = bench { state = { list = state.list("int"), seen = state.map("int", "double") }, each = function(ctx, e)
      local seen = ctx.state.seen
      if e.n ~= 3 then
        given[#given + 1] = seen:get(7) or "none"
        given[#given + 1] = seen:has(7)
      end
      if e.n ~= 2 then
        seen:put(7, e.amount)
        seen:put(7, e.amount + 0.5)
      end
      if e.n == 4 then error("no") end
      ctx:emit { n = 1 }
    end }
    local r, cell = b.runner, ffi.new("union tm_chain_cell[6]")
    local calls = { find = 0, put = 0 }
    local C = require("codegen.instance").C
    for name in pairs(calls) do
      local before = C["tm_chain_map_" .. name]
      C["tm_chain_map_" .. name] = function(...)
        calls[name] = calls[name] + 1
        return before(...)
      end
    end
    local function knows(row, value)
      local known = r.known[2 * row + 1] -- behind what stands for the list
      known.key, known.as_of, known.call, known.value = 7, 0, -1, value and cell + row or nil
      cell[row].d = value or 0
    end
    knows(0, 0.25)
    knows(1) -- there is no entry
    knows(2, 3)
    knows(3, 9)
    b.give(rows(1, 2, 3, 4))
    assert.same({ 0.25, true, "none", false, 9, true }, given)
    assert.equal(1.5, cell[0].d)
    assert.equal(3.5, cell[2].d)
    assert.equal(4.5, cell[3].d) -- C takes it back
    assert.equal(9, r.known[7].old.d)
    assert.is_true(r.ctx.written == r.known + 7 and r.known[7].call == r.ctx.call)
    assert.same({ 0 }, r.settled)
    assert.same({ find = 0, put = 0 }, calls)

    -- The map is another one since: C is asked.
    for row = 0, 3 do knows(row, 1) end
    r.known[1].as_of, r.known[3].as_of, r.known[5].as_of = 1, 2, -1
    given = {}
    b.give(rows(1, 2, 3))
    assert.same({ "none", false, 1.5, true }, given)
    assert.is_true(calls.find > 0 and calls.put > 0)
    assert.same({ 1, 1, 1 }, { cell[0].d, cell[1].d, cell[2].d })
  end)

  it("takes zeros of both signs for one key, and NaN for one", function()
    local b = bench { state = { seen = state.map("double", "int") }, each = function(ctx)
      local seen = ctx.state.seen
      seen:put(0, 1)
      seen:put(-0, seen:get(-0) + 1)
      seen:put(0 / 0, 5)
      seen:put(-(0 / 0), 6)
      ctx:emit { zero = seen:get(0), nan = seen:get(0 / 0), size = seen:size() }
    end }
    local out = b.give(rows(1))
    assert.same({ zero = 2, nan = 6, size = 2 }, { zero = out[1].zero, nan = out[1].nan, size = out[1].size })
  end)

  it("keeps lists: values by number, all of them, in place of others", function()
    local b = bench { state = { tail = state.list("string"), prices = state.list("decimal(10,2)") }, each = function(ctx, e)
      local tail = ctx.state.tail
      if e.n == 1 then tail:add_all { "a", "b" } tail:add("") else tail:update { "z", tail[1] } end
      ctx.state.prices:add(e.amount)
      local text = ""
      for i, x in ipairs(tail) do text = text .. i .. x end
      for _, x in pairs(tail) do text = text .. x end
      for x in tail:values() do text = text .. x end
      ctx:emit { all = tail:get(), text = text, n = #tail, size = tail:size(), none = tail[0], far = tail[9], half = tail[1.5],
        price = ctx.state.prices[e.n] }
      if e.n == 2 then tail:clear() ctx:emit { n = #tail, all = tail:get() } end
    end, returns = support.schema("all list(string); text string; n int; size int; none string; far string; half string; "
      .. "price decimal(10,2)") }
    local out = b.give(rows(1.5, 2))
    assert.same({}, b.runner.failures)
    assert.same({ { "a", "b", "" }, "1a2b3abab", 3, 3 }, { out[1].all, out[1].text, out[1].n, out[1].size })
    assert.same({ { "z", "a" }, "1z2azaza", 2 }, { out[2].all, out[2].text, out[2].n })
    assert.same({}, { out[2].none, out[2].far, out[2].half })
    assert.equal(D "2.00", out[2].price)
    assert.same({ n = 0, all = {} }, { n = out[3].n, all = out[3].all })
  end)

  it("knows the types of what maps and lists give", function()
    local node = support.process(INPUT, { key = { "user" }, state = { seen = state.map("int64", "decimal(10,2)"),
      tail = state.list("timestamp"), names = state.map("string", "string") },
      each = function(ctx)
        local s, last, key, price = ctx.state, nil, nil, nil
        for k, v in pairs(s.seen) do key, price = k, v end
        for _, x in ipairs(s.tail) do last = x end
        ctx:emit { a = s.seen:get(key), b = price, k = key, c = s.tail[1], d = last, all = s.tail:get(), n = #s.tail, size = s.seen:size(),
          has = s.seen:has(key), name = s.names:get("x") .. "!" }
      end })[1]
    assert.equal("a decimal(10,2), all list(timestamp), b decimal(10,2), c timestamp, d timestamp, has bool, k int64, n double, "
      .. "name string, size int, $time timestamp", support.show(node.schema))
    assert.same({ "UNBOUNDED_STATE", 1 }, { node.findings[1].code, #node.findings }) -- and nothing that is not compiled
  end)

  it("leaves the heads of maps and lists out of what a failing call copies back", function()
    local l = keyed.layout(support.process(INPUT, { key = { "user" }, state = { a = state.map("int", "int"), n = state.value("int"),
      b = state.list("int", { ttl = 5 }), x = state.value("int", { ttl = 5 }) }, each = function(ctx) ctx:emit { n = 1 } end })[1].states)
    assert.same({ 8 + 8 + 16, 8 + 8 + 16 + 24 + 40 }, { l.copied, l.bytes })
  end)

  it("lays records out without holes", function()
    local b = bench { state = { a = state.value("decimal(10,2)", { ttl = 1 }), t = state.value("string") },
      each = function(ctx) ctx:emit { a = 1 } end }
    assert.equal(8 + 16 + 8 + 8, keyed.layout(b.node.states).bytes)
  end)

  it("of two inputs has a chunk for each, over one record", function()
    local other = support.schema("who string; name string; at timestamp@")
    local nodes = support.process(INPUT, { key = { "user" }, second_key = { "who" }, other = other,
      state = { sum = state.value("double", { default = 0 }), name = state.value("string") },
      left = function(ctx, e)
        ctx.state.sum:set(ctx.state.sum:get() + e.amount)
        ctx:emit { key = ctx.key, at = ctx.time, sum = ctx.state.sum:get(), name = ctx.state.name:get() }
      end,
      right = function(ctx, e)
        ctx.state.name:set(e.name)
        ctx:emit { key = ctx.key, at = ctx.time, sum = ctx.state.sum:get(), name = e.name }
      end })
    assert.equal("at timestamp, key string, name string, sum double, $time timestamp", support.show(nodes[1].schema))
    assert.same({ { user = true, amount = true, ts = true }, { who = true, name = true, at = true } }, nodes[1].reads_of)
    local record
    for _, role in ipairs { "left", "right", "left" } do
      local runner = support.runner(nodes, { among = { role = role, subtask = 0 } })
      local at, slots, l = support.records(runner, 1)
      if record then ffi.copy(at(0), record, l.bytes) end
      slots[0] = at(0)
      local schema = role == "left" and INPUT or other
      local row_of = { left = { user = "u", amount = 2, n = 1, ts = 5 }, right = { who = "u", name = "Ann", at = 7 } }
      runner:give(support.buffer(schema, { row_of[role] }))
      assert.equal(0, support.enter(runner.instance.run, runner.instance))
      local row = runner:take()[1]
      assert.same({ "u", role == "left" and 5 or 7, record and role == "left" and 4 or 2 }, { row.key, row.at, row.sum })
      record = ffi.string(at(0), l.bytes)
      if role == "right" then break end -- texts are blobs of the runner
    end
  end)

  it("keeps broadcast state for each and lets a rule alone write it", function()
    local spec = { key = { "user" }, other = support.schema("limit double"),
      state = { n = state.value("int", { default = 0 }) },
      broadcast = { limit = state.value("double", { default = 1 }) },
      each = function(ctx, e)
        if e.user == "set" then ctx.broadcast.limit[e.user](ctx.broadcast.limit, 9) end -- found out while rows run
        ctx:emit { limit = ctx.broadcast.limit:get() }
      end,
      rule = function(ctx, e)
        ctx.broadcast.limit:set(e.limit)
        if e.limit == 4 then error("undone") end
        ctx:each_key("n", function(_, _, n) n:clear() end)
      end }
    local nodes = support.process(INPUT, spec)
    local rule = support.runner(nodes, { among = { role = "rule", subtask = 0 } })
    support.records(rule, 1)
    local record, l = support.broadcast_record(rule, nodes[1])
    local function give(limit)
      rule.failures = {}
      rule:give(support.buffer(spec.other, { { limit = limit } }))
      support.enter(rule.instance.run, rule.instance)
    end
    give(3)
    assert.same({ 1, {} }, { rule.ctx.interrupt, rule.failures })
    rule.ctx.interrupt = 0
    give(4)
    assert.same({ 0, 1 }, { rule.ctx.interrupt, #rule.failures })
    local each = support.runner(nodes, { among = { role = "each", subtask = 0 } })
    local at, slots = support.records(each, 1)
    slots[0], slots[1] = at(0), at(0)
    ffi.copy(support.broadcast_record(each, nodes[1]), record, l.bytes)
    each:give(support.buffer(INPUT, { { user = "u", amount = 1, n = 1, ts = 1 }, { user = "set", amount = 1, n = 1, ts = 1 } }))
    support.enter(each.instance.run, each.instance)
    assert.same({ 3 }, { each:take()[1].limit })
    assert.is_truthy(each.failures[1].message:find("rule alone", 1, true))
  end)

  it("says what a rule may not do at the line that does it", function()
    local function refused(spec, text)
      spec.key, spec.other, spec.state = { "user" }, support.schema("limit double"), { n = state.value("int") }
      spec.broadcast = { limit = state.value("double") }
      spec.each = spec.each or function(ctx) ctx:emit { a = 1 } end
      spec.rule = spec.rule or function() end
      local ok, err = pcall(support.process, INPUT, spec)
      assert.is_false(ok)
      assert.is_truthy(tostring(err):find(text, 1, true), tostring(err))
    end
    refused({ each = function(ctx) ctx.broadcast.limit:clear() end }, "clear is refused")
    refused({ each = function(ctx) ctx:each_key("n", print) end }, "ctx has no each_key")
    refused({ rule = function(ctx) ctx.state.n:set(1) end }, "without a key")
    refused({ rule = function(ctx) ctx:each_key("n", function(c) c:timer(1) end) end }, "timers are for each and timer")
    refused({ rule = function(ctx) ctx:each_key("n", function(c) c.broadcast.limit:set(1) end) end }, "set is refused")
    refused({ rule = function(ctx) ctx:each_key("m", function() end) end }, 'there is no state "m"')
  end)
end)
