-- A list of the operator among the states of a window.
local tm = require "tidemill"
local S = tm.schema { user = "string", amount = "int", ts = "timestamp" }
return tm.from(tm.file { path = "none.jsonl", schema = S }):watermark("ts"):key_by("user"):window(tm.tumbling("30s"))
  :process("visits", { window_state = { all = tm.operator_list("int") }, each = function(ctx, key, rows) ctx:emit { n = #rows } end })
  :to(tm.print())
