-- An option of the operator, given to the generator.
local tm = require "tidemill"
local made = tm.watermarks { state = { max = "timestamp" }, event = function(state, e, time) state.max = time end,
  periodic = function(state) return state.max end, interval = "1s" }
return tm.from(tm.file { path = "in.jsonl", schema = { ts = "timestamp" } }):watermark("ts", { generator = made }):to(tm.print())
