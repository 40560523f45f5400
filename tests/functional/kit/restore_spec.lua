-- snapshot_and_restore: a job that begins again from a checkpoint gives what the unbroken one does, with any numbers of subtasks
-- and key groups.
local tm = require "tidemill"

local SCHEMA = [[{ k = "string", v = "int", ts = "timestamp" }]]
local HEAD = ([[
local tm = require "tidemill"
local rows = tm.from(tm.file { name = "rows", path = "rows.jsonl", schema = %s })
local out = tm.discard { name = "out" }
]]):format(SCHEMA)

local STATES = HEAD .. [[
return rows:watermark("ts", { out_of_order = 20 }):key_by("k"):process("p", {
  state = {
    n = tm.value("int", { default = 0, ttl = 60 }), text = tm.value("string"), sum = tm.reducing("int", function(a, b) return a + b end),
    mean = tm.aggregating(tm.aggregate { accumulator = { sum = "double", n = "int" },
      add = function(a, x) a.sum = (a.sum or 0) + x a.n = (a.n or 0) + 1 end,
      merge = function(a, b) a.sum, a.n = a.sum + b.sum, a.n + b.n end,
      result = function(a) return { mean = a.sum / a.n } end }),
    m = tm.map("string", "int", { ttl = 100, clock = "event" }), l = tm.list("string"),
  },
  each = function(ctx, e)
    local s = ctx.state
    s.n:set(s.n:get() + 1)
    s.text:set(((s.text:get() or "") .. e.v):sub(-30))
    s.sum:add(e.v)
    s.mean:add(e.v)
    s.m:put("x" .. e.v % 9, e.v)
    s.l:add("v" .. e.v)
    if e.v % 5 == 0 then s.l:clear() end
    ctx:timer(e.ts + 30, "t" .. e.v)
    ctx:timer_processing(ctx.now + 25, "c" .. e.v)
    local all = 0
    for _, x in s.m:pairs() do all = all + x end
    local numbers = ("%d %g %d %d %d"):format(s.sum:get(), s.mean:get().mean, s.m:size(), all, s.l:size())
    ctx:emit { k = ctx.key, what = ("row %d %s %s"):format(s.n:get(), s.text:get(), numbers),
      at = e.v % 2 == 0 and math.random(1e9) or 0 }
  end,
  timer = function(ctx, at, name)
    ctx:emit { k = ctx.key, what = ctx.domain .. " " .. name .. " " .. ctx.state.n:get() .. " " .. math.random(1e6), at = at }
  end,
}):returns { k = "string", what = "string", at = "int" }:to(out)
]]

local function text_of(row)
  local names, parts = {}, {}
  for name in pairs(row) do names[#names + 1] = name end
  table.sort(names)
  for i, name in ipairs(names) do parts[i] = name .. "=" .. tostring(row[name]) end
  return table.concat(parts, " ")
end

-- Rows of one step in any order: their keys may lie in other subtasks.
local function run(code, cuts, parallelism, steps)
  local t = tm.test({ code = code, path = "restore.lua" }, { parallelism = parallelism or 1, seed = 5 })
  local out = {}
  local function take(step)
    local lines = {}
    for i, row in ipairs(t:take("out")) do lines[i] = text_of(row) end
    table.sort(lines)
    out[#out + 1] = step .. ": " .. table.concat(lines, "; ")
  end
  for i = 1, steps or 24 do
    local rows = {}
    for j = 1, 4 do rows[j] = { k = "key " .. (i * j * 7) % 11, v = i * j, ts = i * 10 + j } end
    t:push("rows", rows)
    take("rows " .. i)
    if i % 4 == 0 then
      t:advance_watermark(i * 10 - 5)
      take("watermark " .. i)
    end
    if i % 3 == 0 then
      t:advance_clock(17)
      take("clock " .. i)
    end
    if cuts[i] then
      t:snapshot_and_restore(cuts[i])
      take("restored")
      assert.equal("restored: ", table.remove(out))
    end
  end
  t:finish()
  take("end")
  t:close()
  return out
end

describe("snapshot_and_restore", function()
  local want = run(STATES, {})

  it("keeps values, maps, lists, times to live, timers and random numbers", function()
    assert.same(want, run(STATES, { [1] = {}, [7] = {}, [8] = {}, [23] = {} }))
    local every = {}
    for i = 1, 24, 2 do every[i] = {} end
    assert.same(want, run(STATES, every, 2))
  end)

  it("goes on with other numbers of subtasks and key groups", function()
    assert.same(want, run(STATES, { [5] = { parallelism = 3 }, [14] = { parallelism = 2 }, [21] = { parallelism = 5 } }))
    assert.same(want, run(STATES, { [5] = { parallelism = 3, max_parallelism = 1024 }, [14] = { parallelism = 2, max_parallelism = 64 },
      [22] = { parallelism = 1, max_parallelism = 7 } }))
  end)

  local LISTS = HEAD .. [[
  return rows:process("p", {
    state = { even = tm.operator_list("string"), all = tm.operator_list("int", { split = "union" }) },
    each = function(ctx, e)
      if e.v < 0 then
        for _, x in ctx.state.even:pairs() do ctx:emit { what = "even " .. x } end
        ctx:emit { what = "union " .. ctx.state.all:size() }
      else
        ctx.state.even:add("v" .. e.v)
        ctx.state.all:add(e.v)
      end
    end,
  }):returns { what = "string" }:to(out)
  ]]

  -- What all subtasks have: pushes go to them in turn.
  local function lists(t, subtasks)
    local even, union = {}, {}
    for _ = 1, subtasks do t:push("rows", { k = "", v = -1, ts = 0 }) end
    for _, row in ipairs(t:take("out")) do
      local kind, what = row.what:match("(%a+) (.*)")
      if kind == "even" then even[#even + 1] = what else union[#union + 1] = what end
    end
    table.sort(even)
    return table.concat(even, " "), table.concat(union, " ")
  end

  it("deals an operator's lists: each value to one subtask, or all to all", function()
    local t = tm.test({ code = LISTS, path = "lists.lua" }, { parallelism = 3 })
    for i = 1, 9 do t:push("rows", { k = "", v = i, ts = 0 }) end
    local even, union = lists(t, 3)
    assert.same({ "v1 v2 v3 v4 v5 v6 v7 v8 v9", "3 3 3" }, { even, union })
    t:snapshot_and_restore()
    even, union = lists(t, 3)
    assert.same({ "v1 v2 v3 v4 v5 v6 v7 v8 v9", "9 9 9" }, { even, union })
    t:snapshot_and_restore { parallelism = 2, max_parallelism = 64 }
    t:snapshot_and_restore { parallelism = 5, max_parallelism = 1024 }
    even = lists(t, 5)
    assert.equal("v1 v2 v3 v4 v5 v6 v7 v8 v9", even)
    t:close()
  end)

  it("gives broadcast state to all subtasks", function()
    local t = tm.test({ code = [[
      local tm = require "tidemill"
      local rows = tm.from(tm.file { name = "rows", path = "rows.jsonl", schema = { k = "string", v = "int" } })
      local rules = tm.from(tm.file { name = "rules", path = "rules.jsonl", schema = { name = "string", most = "int" } })
      return rows:key_by("k"):process_broadcast(rules, "p", {
        state = { n = tm.value("int", { default = 0 }) },
        broadcast = { most = tm.map("string", "int") },
        rule = function(ctx, rule) ctx.broadcast.most:put(rule.name, rule.most) end,
        each = function(ctx, e)
          ctx.state.n:set(ctx.state.n:get() + 1)
          ctx:emit { k = e.k, n = ctx.state.n:get(), most = ctx.broadcast.most:get("all") }
        end,
      }):returns { k = "string", n = "int", most = "int" }:to(tm.discard { name = "out" })
    ]], path = "broadcast.lua" })
    t:push("rules", { { name = "all", most = 7 }, { name = "other", most = 1 } })
    for n, cut in ipairs { { parallelism = 3 }, { parallelism = 2, max_parallelism = 16 }, {}, { parallelism = 4 } } do
      t:snapshot_and_restore(cut)
      for _, k in ipairs { "a", "b", "c", "d", "e" } do t:push("rows", { k = k, v = 1 }) end
      for _, row in ipairs(t:take("out")) do assert.same({ n, 7 }, { row.n, row.most }) end
    end
    t:close()
  end)

  it("keeps reduced rows, counters, and types that rows have settled", function()
    local code = HEAD .. [[
    return rows:map(function(e) return { k = e.k, most = e.v } end):key_by("k")
      :reduce("r", function(a, b) return { k = b.k, most = math.max(a.most, b.most) } end, { emit = "final" }):to(out)
    ]]
    local t = tm.test({ code = code, path = "reduce.lua" })
    for i = 1, 40 do
      t:push("rows", { k = "k" .. i % 6, v = (i * 17) % 23, ts = 0 })
      if i % 10 == 0 then t:snapshot_and_restore { parallelism = i / 10 } end
    end
    assert.equal(40, t:metrics("r").records_in)
    t:finish()
    local most, got = {}, {}
    for i = 1, 40 do most["k" .. i % 6] = math.max(most["k" .. i % 6] or 0, (i * 17) % 23) end
    for _, row in ipairs(t:take("out")) do got[row.k] = row.most end
    assert.same(most, got)
    t:snapshot_and_restore() -- it has ended: nothing comes twice
    assert.same({}, t:take("out"))
    t:close()
  end)

  it("counts for a window and for its function apart", function()
    local t = tm.test({ code = HEAD .. [[
    return rows:watermark("ts"):key_by("k"):window(tm.tumbling(10)):process("w", { each = function(ctx, key, all)
      if #all == 2 then error("told to") end
      ctx:emit { k = key, n = #all }
    end }):returns { k = "string", n = "int" }:on_error("skip"):to(out)
    ]], path = "window.lua" })
    for i, cut in ipairs { {}, { parallelism = 3 }, { parallelism = 2, max_parallelism = 64 }, { parallelism = 1 } } do
      t:push("rows", { { k = "a", v = 1, ts = i * 10 }, { k = "b", v = 1, ts = i * 10 }, { k = "b", v = 2, ts = i * 10 + 1 } })
      t:advance_watermark(i * 10 + 9)
      assert.equal(1, #t:take("out"))
      t:snapshot_and_restore(cut)
      local m = t:metrics("w")
      assert.same({ 3 * i, 3 * i, i, i }, { m.records_in, m.used, m.records_out, m.failed_firings })
    end
    t:close()
  end)

  -- Who draws: add and merge of an aggregate, in slices, sessions and count windows; a trigger; the distance of a delta trigger.
  local DRAWING = [[
  local drawn = tm.aggregate {
    accumulator = { n = "int", text = "string" },
    add = function(a, e) a.n = a.n + 1 a.text = (a.text .. " " .. math.random(1e6)):sub(-60) end,
    merge = function(a, b) a.n = a.n + b.n a.text = (a.text .. "+" .. math.random(1e6) .. b.text):sub(-60) end,
  }
  local lots = {
    state = { n = tm.value("int", { default = 0 }) },
    element = function(ctx, e)
      ctx.state.n:set(ctx.state.n:get() + 1)
      return math.random(4) == 1 and "fire" or "continue"
    end,
    clear = function(ctx) ctx.state.n:clear() end,
  }
  return rows:watermark("ts", { out_of_order = 20 }):key_by("k"):%s:aggregate("w", drawn):to(out)
  ]]
  for what, windows in pairs {
    slices = 'window(tm.sliding(40, 20))', sessions = 'window(tm.session(25))', ["count windows"] = 'window(tm.count_window(4, 2))',
    ["a trigger"] = 'window(tm.global()):trigger(lots)',
    ["a distance"] = 'window(tm.global()):trigger(tm.trigger.delta(20, function(last, e) return e.v - last.v + math.random(30) end))',
  } do
    it("draws on where functions of windows were: " .. what, function()
      local code = HEAD .. DRAWING:format(windows)
      local unbroken = run(code, {})
      assert.truthy(table.concat(unbroken):find("text=.*%d"))
      assert.same(unbroken, run(code, { [2] = {}, [7] = {}, [13] = {}, [14] = {}, [22] = {} }))
    end)
  end

  it("refuses what it does not have", function()
    local t = tm.test({ code = STATES, path = "restore.lua" })
    for _, options in ipairs { { parallelism = 0 }, { parallelism = 1.5 }, { max_parallelism = 100000 }, { paralelism = 2 }, 3 } do
      local ok, err = pcall(t.snapshot_and_restore, t, options)
      assert.is_false(ok)
      assert.truthy(tostring(err):find("TM0304", 1, true))
    end
    t:close()
  end)
end)
