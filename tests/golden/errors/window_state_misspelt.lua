-- A state of the window that nobody declared.
local tm = require "tidemill"
local S = tm.schema { user = "string", amount = "int", ts = "timestamp" }
return tm.from(tm.file { path = "none.jsonl", schema = S }):watermark("ts"):key_by("user"):window(tm.tumbling("30s"))
  :process("visits", { window_state = { fired = tm.value("int") }, each = function(ctx, key, rows)
    ctx.window_state.fierd:set(1)
    ctx:emit { n = #rows }
  end }):to(tm.print())
