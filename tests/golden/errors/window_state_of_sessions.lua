-- State of a window where windows merge.
local tm = require "tidemill"
local S = tm.schema { user = "string", amount = "int", ts = "timestamp" }
return tm.from(tm.file { path = "none.jsonl", schema = S }):watermark("ts"):key_by("user"):window(tm.session("30s"))
  :process("visits", { window_state = { n = tm.value("int") }, each = function(ctx, key, rows) ctx:emit { n = #rows } end }):to(tm.print())
