-- Sums of ten seconds in a map, given out by a timer: value, map and timers of a process.
local tm = require "tidemill"
local input = require "input"

local job = tm.job("timers", input.options)
job:from(input.file)
  :watermark("ts", { out_of_order = "2s" })
  :rebalance()
  :filter(function(e) return input.spend(e) == 0 end)
  :key_by("key")
  :process("tens", {
    state = { given = tm.value("int64", { default = 0 }), sums = tm.map("int64", "int64"), counts = tm.map("int64", "int64") },
    each = function(ctx, e)
      input.fail(ctx.now)
      local ten = math.floor(ctx.time / 10000) * 10000
      ctx.state.sums:put(ten, (ctx.state.sums:get(ten) or 0) + e.value)
      ctx.state.counts:put(ten, (ctx.state.counts:get(ten) or 0) + 1)
      ctx:timer(ten + 9999)
    end,
    timer = function(ctx, at)
      local ten = at - 9999
      local given = ctx.state.given:get() + 1
      ctx.state.given:set(given)
      ctx:emit { key = ctx.key, ten = ten, n = ctx.state.counts:get(ten), total = ctx.state.sums:get(ten), given = given }
      ctx.state.sums:remove(ten)
      ctx.state.counts:remove(ten)
    end,
  })
  :returns { key = "string", ten = "int64", n = "int64", total = "int64", given = "int64" }
  :to(tm.file { path = "out.jsonl" })
return job
