-- Much state at once, of one kind for each `what`: what bench/pauses times the steps of. Rows come from a generator, one for each key.
local tm = require "tidemill"

local what = tm.arg("what", "growth", "growth, sweep, maps or timers")
local keys = tonumber(tm.arg("keys", 1000000, "how many keys, entries or timers"))
local HOUR, MAPS = 3600000, 16

local rows = tm.generate { name = "rows", count = (what == "sweep" or what == "maps") and 2 * keys or keys, seed = 1,
  fields = { i = tm.gen.sequence {} } }

local function keyed(fn) return tm.from(rows):map(fn):returns { key = "int", i = "int", ts = "timestamp" }:watermark("ts"):key_by("key") end

local function one_by_one()
  return keyed(function(e) return { key = e.i, i = e.i, ts = e.i } end)
end

-- The second half comes hours after the first, of which everything is over by then.
local function then_others(count)
  return keyed(function(e)
    if e.i < keys then return { key = e.i % count, i = e.i, ts = 0 } end
    return { key = -1, i = e.i, ts = 9 * HOUR }
  end)
end

local JOBS = {}

function JOBS.growth()
  return one_by_one():process("growth", {
    state = { n = tm.value("int", { default = 0 }) },
    each = function(ctx) ctx.state.n:set(ctx.state.n:get() + 1) end,
  })
end

function JOBS.sweep()
  return then_others(keys):process("sweep", {
    state = { n = tm.value("int", { default = 0, ttl = "1h", clock = "event" }) },
    each = function(ctx) ctx.state.n:set(ctx.state.n:get() + 1) end,
  })
end

-- The entries of a few large maps.
function JOBS.maps()
  return then_others(MAPS):process("maps", {
    state = { seen = tm.map("int", "int", { ttl = "1h", clock = "event" }) },
    each = function(ctx, e)
      if e.key >= 0 then ctx.state.seen:put(e.i, 1) end
    end,
  })
end

-- All of them are due at the end of the input.
function JOBS.timers()
  return one_by_one():process("timers", {
    each = function(ctx) ctx:timer(1e15) end,
    timer = function(ctx) ctx:emit { key = ctx.key } end,
  })
end

return JOBS[what]():returns { key = "int" }:to(tm.discard())
