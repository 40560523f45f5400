-- The last value of each key: keys of 16 bytes, values of 32, from a file that grows. bench/checkpoints.py says which keys change between
-- two checkpoints, and weighs what is written for them. All of them stay.
local tm = require "tidemill"

local job = tm.job("last", { checkpoint = { interval = tm.arg("every", "3s", "between two checkpoints"), retain = 1000 } })
local Change = tm.schema { key = "string", value = "string" }

job:from(tm.file { path = tm.arg("input", "changes.csv"), format = tm.csv { header = false }, schema = Change, follow = true })
  :key_by("key")
  :process("last", {
    state = { value = tm.value("string", { ttl = "never" }) },
    each = function(ctx, e) ctx.state.value:set(e.value) end,
  }):returns { key = "string" }:to(tm.discard())
return job
