-- Every record, and whether it is behind the time that its operator has been told: none may be, for none is later than the
-- watermark allows. A second output keeps what is in front of the edge by key a task of its own, also where there is one subtask.
local tm = require "tidemill"
local input = require "input"

local job = tm.job("times", input.options)
local records = job:from(input.file)
  :watermark("ts", { out_of_order = "2s" })
  :filter(function(e) return input.spend(e) == 0 end)
records:key_by("key")
  :process("times", {
    state = { n = tm.value("int64", { default = 0 }) },
    each = function(ctx, e)
      input.fail(ctx.now)
      local n = ctx.state.n:get() + 1
      ctx.state.n:set(n)
      ctx:emit { source = e.source, seq = e.seq, key = ctx.key, key_seq = e.key_seq, ts = e.ts, value = e.value, crc = e.crc,
                 n = n, behind = ctx.time <= ctx.watermark, spent = input.spend(e) }
    end,
  })
  :returns { source = "int64", seq = "int64", key = "string", key_seq = "int64", ts = "timestamp", value = "int64", crc = "int64",
             n = "int64", behind = "bool", spent = "int64" }
  :to(tm.file { path = "out", format = "json" })
records:key_by("source"):count { name = "others" }:to(tm.discard())
return job
