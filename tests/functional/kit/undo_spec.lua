-- What a failed call leaves: nothing. Random rows go to two jobs that are the same, but one never sees those that fail in the other: rows,
-- timers and counters have to be equal ever after. And firings whose function fails, against a plain model of what windows hold.
local tm = require "tidemill"

local SEED = tonumber(os.getenv("TIDEMILL_TEST_SEED")) or 7
local STEPS = 30

local HEAD = [[
local tm = require "tidemill"
local Row = tm.schema { k = "string", act = "string", v = "int", ts = "timestamp" }
local rows = tm.from(tm.stdin { name = "in", format = "json", schema = Row }):watermark("ts")
-- One window of two refuses such a row where it is in several.
local function refuses(e, act, start) return e.act == act and (not SLIDES or start and start % 20000 == 0) end
local trigger = {
  state = { n = tm.value("int", { default = 0 }), text = tm.value("string", { default = "" }) },
  element = function(ctx, e)
    ctx.state.n:set(ctx.state.n:get() + 1)
    ctx.state.text:set(ctx.state.text:get():sub(-40) .. "-" .. e.v)
    ctx:timer(e.v)
    ctx:timer_processing(ctx.now + e.v % 50)
    if ctx.window_end < 1e15 then ctx:timer(ctx.window_end - 1) end
    if refuses(e, "trigger", ctx.window_start) then error("told to") end
    if ctx.state.n:get() % 5 == 0 then ctx.state.text:set("") return "fire_and_purge" end
    return ctx.state.n:get() % 3 == 0 and "fire" or "continue"
  end,
  event_time = function(ctx, at) return (ctx.state.n:get() + #ctx.state.text:get()) % 2 == 0 and "fire" or "continue" end,
  processing_time = function(ctx, at) return #ctx.state.text:get() % 3 == 0 and "fire" or "continue" end,
  merge = function(ctx, other)
    ctx.state.n:set(ctx.state.n:get() + (other.n or 0))
    ctx.state.text:set((ctx.state.text:get() .. (other.text or "")):sub(-40))
    if ctx.window_end < 1e15 then ctx:timer(ctx.window_end - 1) end
  end,
  clear = function(ctx) if ctx.window_end < 1e15 then ctx:delete_timer(ctx.window_end - 1) end ctx.state.text:set("gone") end,
}
local delta = tm.trigger.delta(20, function(last, e) if e.act == "trigger" then error("told to") end return e.v - last.v end)
local count = 0
local aggregate = tm.aggregate {
  accumulator = { n = "int", text = "string" },
  add = function(a, e)
    a.n = a.n + 1
    a.text = ((a.text or "") .. "+" .. e.v):sub(-40)
    if e.act == "add" and (not SLIDES or a.n % 2 == 0) then error("told to") end
  end,
  merge = function(a, b)
    a.n = a.n + b.n
    a.text = ((a.text or "") .. (b.text or "")):sub(-40)
    if JOINS and a.n % 3 == 0 then error("told to") end
  end,
}
]]

-- Which windows, who may refuse a row of them, and what is behind: a text of code.
local WINDOWS = {
  tumbling = ':window(tm.tumbling("10s"))',
  sliding = ':window(tm.sliding("20s", "10s"))',
  session = ':window(tm.session("3s"))',
  global = ":window(tm.global())",
  count = ":window(tm.count_window(4))",
  ["overlapping counts"] = ":window(tm.count_window(6, 2))",
}
local TRIGGERS = { trigger = ":trigger(trigger)", delta = ":trigger(delta)", counted = ":trigger(tm.trigger.count(2))", plain = "" }
local CASES = {
  { "tumbling", "trigger" }, { "sliding", "trigger" }, { "session", "trigger" }, { "global", "trigger" },
  { "tumbling", "delta" }, { "sliding", "delta" }, { "global", "delta" },
  { "tumbling", "counted" }, { "sliding", "counted" }, { "session", "counted" }, { "global", "counted" },
  { "count", "plain" }, { "overlapping counts", "plain" }, { "session", "plain" },
}

local function code_of(window, trigger, whole)
  local slides = window == "sliding"
  return ("local SLIDES, JOINS = %s, %s\n"):format(tostring(slides), tostring(window == "session")) .. HEAD .. "return rows" .. (whole and WINDOWS[window]:gsub("window", "window_all", 1) or ':key_by("k")' .. WINDOWS[window])
    .. TRIGGERS[trigger] .. ':aggregate("w", aggregate):on_error("skip"):to(tm.print { name = "out" })\n'
end

local function twins(window, trigger, whole)
  math.randomseed(SEED)
  local code = code_of(window, trigger, whole)
  local all, some = tm.test({ code = code, path = "job.lua" }, { now = 0 }), tm.test({ code = code, path = "job.lua" }, { now = 0 })
  local acts, base, clock, failed, given = { "", "", "", "trigger", "add" }, 0, 0, 0, 0
  local function equal(step)
    local one, other = all:take("out"), some:take("out")
    given = given + #one
    assert.same(other, one, "rows of step " .. step)
    assert.same(some:timers("w"), all:timers("w"), "timers of step " .. step)
    local a, b = all:metrics("w"), some:metrics("w")
    assert.equal(b.used, a.used, "used rows of step " .. step)
    assert.equal(a.records_in, a.used + a.filtered + a.late + a.skipped + a.dead_lettered)
    assert.equal(0, b.skipped)
  end
  for step = 1, STEPS do
    local act = math.random(10)
    if act <= 7 then
      for _ = 1, math.random(4) do
        local row = { k = "k" .. math.random(2), act = acts[math.random(#acts)], v = base + math.random(100), ts = base + math.random(0, 25000) }
        all:push("in", row)
        local skipped = all:metrics("w").skipped
        if skipped == failed then some:push("in", row) end
        failed = skipped
      end
    elseif act <= 9 then
      local at = base - 1 + math.random(0, 6000)
      base = at + 1
      all:advance_watermark(at)
      some:advance_watermark(at)
    else
      clock = clock + math.random(40)
      all:advance_clock(clock)
      some:advance_clock(clock)
    end
    equal(step)
  end
  all:finish()
  some:finish()
  equal("the end")
  assert.is_true(failed > 2 and given > 2, ("%d failed, %d given"):format(failed, given))
  all:close()
  some:close()
end

describe("a row that fails (seed " .. SEED .. ")", function()
  for _, case in ipairs(CASES) do
    it("leaves nothing in windows: " .. case[1] .. ", " .. case[2], function() twins(case[1], case[2]) end)
  end
  it("leaves nothing in windows of the whole stream", function()
    twins("tumbling", "trigger", true)
    twins("session", "counted", true)
  end)
end)

-- --- firings -----------------------------------------------------------------------------------------------------------------------------

-- A trigger of `count` rows, perhaps purging, perhaps an evictor; where a window begins (nil: there is one), and whether it has bounds.
local FIRINGS = {
  { "tumbling", ':key_by("k"):window(tm.tumbling("10s"))', begins = 10000 },
  { "session", ':key_by("k"):window(tm.session("3s"))', begins = 10000, session = true },
  { "global", ':key_by("k"):window(tm.global())' },
  { "count", ':key_by("k"):window(tm.count_window(3))', count = 3, purges = true },
  { "whole stream", ':window_all(tm.tumbling("10s"))', begins = 10000, whole = true },
}

local FUNCTION = [[
  :process("w", {
    state = { calls = tm.value("int", { default = 0 }), seen = tm.list("int"), by = tm.map("int", "string") },
    %s
    each = function(ctx, key, rows)
      local sum, text = 0, ""
      for _, e in ipairs(rows) do sum, text = sum + e.v, text .. " " .. e.v end
      ctx.state.calls:set(ctx.state.calls:get() + 1)
      ctx.state.seen:add(sum)
      ctx.state.by:put(sum %% 5, "a text of " .. sum)
      %s
      ctx:output("told", { sum = sum, calls = ctx.state.calls:get() })
      ctx:emit { rows = text, calls = ctx.state.calls:get(), seen = ctx.state.seen:size(), by = ctx.state.by:size(), fired = %s }
      if sum %% 3 == 0 then error("told to") end
    end,
  })]]

local function job_of(case, options, on_error)
  local window_state = case.begins and not case.session
  local trigger = ("tm.trigger.count(%d)"):format(options.count)
  if options.purges then trigger = "tm.trigger.purging(" .. trigger .. ")" end
  return [[local tm = require "tidemill"
local Row = tm.schema { k = "string", v = "int", ts = "timestamp" }
local told = tm.from(tm.stdin { name = "in", format = "json", schema = Row }):watermark("ts")]] .. case[2]
    .. (case.count and "" or ":trigger(" .. trigger .. ")")
    .. (options.keeps and (":evict(tm.evict.count(%d%s))"):format(options.keeps, options.after and ", { after = true }" or "") or "")
    .. FUNCTION:format(window_state and 'window_state = { fired = tm.value("int", { default = 0 }) },' or "",
      window_state and "ctx.window_state.fired:set(ctx.window_state.fired:get() + 1)" or "",
      window_state and "ctx.window_state.fired:get()" or "0")
    .. ":on_error(" .. on_error .. ')\n  :to(tm.print { name = "out" })\nreturn told\n'
end

-- What the job gives for a row: nil, or a row; whether the firing fails.
local Model = {}
Model.__index = Model

local function last_of(list, n)
  local kept = {}
  for i = math.max(1, #list - n + 1), #list do kept[#kept + 1] = list[i] end
  return kept
end

function Model:take(row)
  local o, k = self.options, self.case.whole and "" or row.k
  local key = self.keys[k] or { calls = 0, seen = 0, by = {} }
  self.keys[k] = key
  local at = k .. "/" .. (self.case.begins and math.floor(row.ts / self.case.begins) or 0)
  local window = self.windows[at] or { rows = {}, count = 0, fired = 0 }
  self.windows[at] = window
  table.insert(window.rows, row.v)
  window.count = window.count + 1
  if window.count < o.count then return nil end
  window.count = 0
  local rows = o.keeps and not o.after and last_of(window.rows, o.keeps) or window.rows
  local sum = 0
  for _, v in ipairs(rows) do sum = sum + v end
  if sum % 3 == 0 then return nil, true end
  key.calls, key.seen, key.by[sum % 5], window.fired = key.calls + 1, key.seen + 1, true, window.fired + 1
  local by = 0
  for _ in pairs(key.by) do by = by + 1 end
  window.rows = o.purges and {} or o.keeps and last_of(rows, o.keeps) or window.rows
  return { rows = " " .. table.concat(rows, " "), calls = key.calls, seen = key.seen, by = by,
    fired = self.case.begins and not self.case.session and window.fired or 0 }, false, { sum = sum, calls = key.calls }
end

local function firings(case, options, policy)
  local on_error = policy == "dead" and 'tm.file { name = "dead", path = "dead.jsonl", format = "json" }' or ("%q"):format(policy)
  local t = tm.test({ code = job_of(case, options, on_error), path = "job.lua" }, { now = 0 })
  local model = setmetatable({ case = case, options = options, keys = {}, windows = {} }, Model)
  local failed = 0
  for _ = 1, STEPS do
    local row = { k = "k" .. math.random(2), v = math.random(30), ts = 10000 * math.random(2) }
    local expected, fails, told = model:take(row)
    if fails and policy == "fail" then
      assert.has_error(function() t:push("in", row) end)
      t:close()
      return 1
    end
    t:push("in", row)
    failed = failed + (fails and 1 or 0)
    assert.same({ expected }, (t:take("out")))
    assert.same({ told }, (t:take("w.told")))
    local m = t:metrics("w")
    assert.equal(m.records_in, m.used + m.skipped + m.dead_lettered)
    assert.equal(failed, m.failed_firings)
    if policy == "dead" then assert.equal(fails and 1 or 0, #t:take("dead")) end
  end
  t:close()
  return failed
end

describe("a firing whose function fails (seed " .. SEED .. ")", function()
  for _, case in ipairs(FIRINGS) do
    it("changes nothing and takes nothing away: " .. case[1], function()
      math.randomseed(SEED)
      local failed = 0
      for _, policy in ipairs { "skip", "dead", "fail" } do
        local purges = case.purges or math.random(2) == 1
        local keeps = not case.count and math.random(2) == 1 and math.random(3) or nil
        failed = failed + firings(case, { count = case.count or math.random(2), purges = purges, keeps = keeps, after = math.random(2) == 1 }, policy)
      end
      assert.is_true(failed > 3)
    end)
  end
end)
