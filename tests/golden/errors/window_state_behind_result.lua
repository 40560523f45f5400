-- State of a window behind an aggregate whose result is a function.
local tm = require "tidemill"
local S = tm.schema { user = "string", amount = "int", ts = "timestamp" }
return tm.from(tm.file { path = "none.jsonl", schema = S }):watermark("ts"):key_by("user"):window(tm.tumbling("30s"))
  :aggregate("mean", tm.aggregate { accumulator = { n = "int", sum = "int" },
    add = function(a, e) a.n = a.n + 1 a.sum = a.sum + e.amount end,
    result = function(a) return { mean = a.sum / a.n } end },
  { window_state = { n = tm.value("int") }, each = function(ctx, key, r) ctx:emit { n = r.mean } end }):to(tm.print())
