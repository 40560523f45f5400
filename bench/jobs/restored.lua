-- State of a size that is asked for, and then a row now and then: bench/checkpoints.py kills it, and sees when rows come again.
local tm = require "tidemill"

local keys = tonumber(tm.arg("keys", 1000000, "of the state"))
local job = tm.job("restored", { checkpoint = { interval = tm.arg("every", "1s", "between two checkpoints") } })
local rows = tm.generate { name = "rows", seed = 1, fields = { i = tm.gen.sequence {} } }
local HOT = 1000 -- keys that change when all are there
local VALUE = ("0123456789abcdef"):rep(2)

job:from(rows):map(function(e) return { key = e.i < keys and e.i or e.i % HOT, i = e.i } end):returns { key = "int", i = "int" }
  :key_by("key")
  :process("last", {
    state = { value = tm.value("string", { ttl = "never" }), n = tm.value("int", { default = 0, ttl = "never" }) },
    each = function(ctx, e)
      ctx.state.n:set(ctx.state.n:get() + 1)
      if e.i < keys then
        ctx.state.value:set(VALUE)
      elseif e.i % 1000 == 0 then
        ctx:emit { i = e.i }
      end
    end,
  }):returns { i = "int" }:to(tm.print { format = "json" })
return job
