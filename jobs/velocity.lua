-- Six payments of one card within a minute: an alert. A spec of it stands beside: tidemill test jobs/velocity_spec.lua
local tm = require "tidemill"

local Payment = tm.schema { card = { "string", required = true }, ts = "timestamp" }

local payments = tm.from(tm.stdin { name = "payments", format = "json", schema = Payment })
  :watermark("ts", { out_of_order = "5s" })

payments
  :key_by("card")
  :process("velocity", {
    state = {
      count = tm.value("int", { default = 0, ttl = "1h" }),
    },
    each = function(ctx, _)
      ctx.state.count:set(ctx.state.count:get() + 1)
      if ctx.state.count:get() > 5 then
        ctx:emit { card = ctx.key, at = ctx.time, rule = "velocity" }
      end
      ctx:timer(ctx.time + 60000)
    end,
    timer = function(ctx, _) ctx.state.count:clear() end,
  })
  :to(tm.print { name = "alerts" })

return payments
