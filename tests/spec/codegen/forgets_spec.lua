-- Which states of a key nothing takes away: no state that something clears is named, whatever way it is cleared.
local support = require "tests.spec.codegen.support"
local state = support.state

local INPUT = support.schema("user string; n int; ts timestamp@")
local function emits(ctx) ctx:emit { n = 1 } end
local function sets_timer(ctx)
  ctx:timer_processing(ctx.now + 1)
  ctx:emit { n = 1 }
end

-- The names of the states that the finding of a process names.
local function named(spec)
  spec.key, spec.each = { "user" }, spec.each or (spec.timer and sets_timer or emits)
  local list = {}
  for _, f in ipairs(support.process(INPUT, spec)[1].findings) do
    if f.code == "UNBOUNDED_STATE" then list[#list + 1] = f.message:match("the states? (.-) ha[sv]e? neither") end
  end
  assert.is_true(#list <= 1)
  return list[1]
end

local function clear_a(ctx) ctx.state.a:clear() end
local function clear_by_handle(handle) handle:clear() end
local made_elsewhere = loadstring("return function(ctx) ctx.state.a:clear() end")()

describe("a state that nothing takes away", function()
  it("is named: it has no time to live, and there is no timer", function()
    assert.equal("a", named { state = { a = state.value("int") } })
    assert.equal("m", named { state = { m = state.map("int", "int"), b = state.value("int", { ttl = 5 }) } })
  end)

  it("is named when a timer reads and sets it, and when each alone clears it", function()
    assert.equal("a", named { state = { a = state.value("int") }, timer = function(ctx, at)
      if ctx.state.a:get() ~= 1 then ctx.state.a:set(0) else ctx.state.a:set(at) end
    end })
    assert.equal("l", named { state = { l = state.list("int") }, timer = function(ctx, at) ctx.state.l:add(at) end })
    assert.equal("a", named { state = { a = state.value("int") }, timer = function() end, each = function(ctx)
      ctx.state.a:clear()
      ctx:emit { n = 1 }
    end })
  end)

  it("is not named when it is meant to stay, or has a time to live", function()
    assert.is_nil(named { state = { a = state.value("int", { ttl = "never" }), m = state.map("int", "int", { ttl = "never" }),
      r = state.reducing("int", math.max, { ttl = "never" }), l = state.list("int", { ttl = 1 }) } })
  end)

  it("is not named when a timer clears it, by whatever method", function()
    assert.is_nil(named { state = { a = state.value("int") }, timer = clear_a })
    assert.is_nil(named { state = { a = state.value("int") }, timer = function(ctx) ctx.state.a:set(nil) end })
    assert.is_nil(named { state = { l = state.list("int") }, timer = function(ctx) ctx.state.l:update {} end })
    assert.is_nil(named { state = { m = state.map("int", "int") }, timer = function(ctx)
      for k, v in ctx.state.m:pairs() do if v > 1 then ctx.state.m:remove(k) end end
    end })
  end)

  it("is not named when a function that the timer calls clears it, or may", function()
    local function way(timer) return named { state = { a = state.value("int") }, timer = timer, returns = support.schema("n int") } end
    assert.is_nil(way(function(ctx) clear_a(ctx) end))
    assert.is_nil(way(function(ctx) clear_by_handle(ctx.state.a) end))
    assert.is_nil(way(function(ctx) made_elsewhere(ctx) end))
    assert.is_nil(way(function(ctx) local all = { ctx.state.a } for _, one in ipairs(all) do one:clear() end end))
    assert.is_nil(way(function(ctx) local clear = function() ctx.state.a:clear() end clear() end))
    assert.is_nil(way(function(ctx) local s = ctx.state pcall(s.a.clear, s.a) end))
  end)

  it("is not named when it goes out of sight where branches join; its neighbour is", function()
    assert.equal("c", named { state = function() return { a = state.value("int"), b = state.value("int"), c = state.value("int") } end,
      timer = function(ctx, at)
        local one = at > 5 and ctx.state.a or ctx.state.b
        one:clear()
        if ctx.state.c:get() == 1 then ctx:timer(at + 1) end
      end })
  end)

  it("is named when nothing ever sets the timer that would clear it", function()
    local function clears(ctx) ctx.state.a:clear() end
    local function found(spec)
      spec.key, spec.state = { "user" }, { a = state.value("int") }
      return support.process(INPUT, spec)[1].findings[1]
    end
    local one = found { each = emits, timer = clears }
    assert.equal("UNBOUNDED_STATE", one.code)
    assert.is_truthy(one.hint:find("nothing sets a timer: ctx:timer(at), or ctx:timer_processing(at), in each", 1, true))
    assert.equal("a", named { state = { a = state.value("int") }, each = emits, timer = function(ctx, at)
      ctx.state.a:clear()
      ctx:timer(at + 1) -- another one, but never a first
    end })
    assert.equal("a", named { state = { a = state.value("int") }, timer = clears, each = function(ctx)
      ctx:delete_timer(5)
      ctx:emit { n = 1 }
    end })
    assert.is_nil(found { each = sets_timer, timer = clears })
    assert.is_nil(found { each = function(ctx, e) if e.n > 5 then ctx:timer(e.n) end ctx:emit { n = 1 } end, timer = clears })
    assert.is_nil(found { each = function(ctx) pcall(made_elsewhere, ctx) ctx:emit { n = 1 } end, timer = clears,
      returns = support.schema("n int") })
  end)

  it("counts a pass over all keys as a timer", function()
    local function both(rule)
      return support.process(INPUT, { key = { "user" }, other = support.schema("id int"), state = { hits = state.value("int") },
        broadcast = { limit = state.value("int") }, each = emits, rule = rule })[1].findings[1]
    end
    assert.is_nil(both(function(ctx) ctx:each_key("hits", function(_, _, hits) hits:clear() end) end))
    assert.equal("UNBOUNDED_STATE", both(function(ctx) ctx:each_key("hits", function(_, _, hits) return hits:get() end) end).code)
  end)
end)
