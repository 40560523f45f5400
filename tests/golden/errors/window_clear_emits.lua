-- Rows of the stream when a window is gone.
local tm = require "tidemill"
local S = tm.schema { user = "string", amount = "int", ts = "timestamp" }
return tm.from(tm.file { path = "none.jsonl", schema = S }):watermark("ts"):key_by("user"):window(tm.tumbling("30s"))
  :process("visits", { each = function(ctx, key, rows) ctx:emit { n = #rows } end, clear = function(ctx) ctx:emit { n = 0 } end })
  :to(tm.print())
