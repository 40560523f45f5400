-- A default of another type than the state.
local tm = require "tidemill"
local rows = tm.from(tm.stdin { format = "json", schema = { k = "string", v = "int", ts = "timestamp" } }):watermark("ts"):key_by("k")
return rows:process("p", { state = { a = tm.value("int", { default = "x" }) },
  each = function(ctx) ctx.state.a:set(1) end }):to(tm.discard())
