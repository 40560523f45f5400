-- A function of windows without state of them.
local tm = require "tidemill"
local S = tm.schema { user = "string", amount = "int", ts = "timestamp" }
return tm.from(tm.file { path = "none.jsonl", schema = S }):watermark("ts"):key_by("user"):window(tm.tumbling("30s"))
  :process("visits", function(ctx, key, rows)
    ctx.window_state.fired:set(1)
    ctx:emit { n = #rows }
  end):to(tm.print())
