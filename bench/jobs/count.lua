-- A keyed count of rows made in memory, with a checkpoint now and then that stays: bench/checkpoints.py looks at what each has written,
-- and runs the same without any (--no-checkpoints).
local tm = require "tidemill"

local keys = tonumber(tm.arg("keys", 1000000, "of the state"))
local job = tm.job("count", { checkpoint = { interval = tm.arg("every", "1s", "between two checkpoints"), retain = 1000 } })
local rows = tm.generate { name = "rows", count = tm.arg("count", 10000000, "of rows"), seed = 1, fields = {
  key = tm.gen.uniform(0, keys - 1, "int"),
} }

job:from(rows):key_by("key"):count { name = "count", as = "n" }:to(tm.discard())
return job
