-- Every record goes through, with a count that is kept of its key: --set out=... decides what kind of output it is.
local tm = require "tidemill"
local input = require "input"

local how = tm.arg("how", "folder", "folder, rolled, file or gz")
local options = {
  folder = { path = "out", format = "json" },
  rolled = { path = "out", format = "json", partition_by = { "source" }, roll = { size = "32KB" } },
  file = { path = "out.jsonl" },
  gz = { path = "out.jsonl.gz" },
}

local job = tm.job("pass", input.options)
job:from(input.file)
  :key_by("key")
  :process("count", {
    state = { n = tm.value("int64", { default = 0 }) },
    each = function(ctx, e)
      input.fail(ctx.now)
      local n = ctx.state.n:get() + 1
      ctx.state.n:set(n)
      ctx:emit { source = e.source, seq = e.seq, key = ctx.key, key_seq = e.key_seq, ts = e.ts, value = e.value, crc = e.crc,
                 n = n, spent = input.spend(e) }
    end,
  })
  :returns { source = "int64", seq = "int64", key = "string", key_seq = "int64", ts = "timestamp", value = "int64", crc = "int64",
             n = "int64", spent = "int64" }
  :to(tm.file(options[how]))
return job
