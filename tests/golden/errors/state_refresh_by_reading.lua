-- A time to live that reading should begin anew, in a word that it is not called by.
local tm = require "tidemill"
local rows = tm.from(tm.stdin { format = "json", schema = { k = "string", v = "int", ts = "timestamp" } }):watermark("ts"):key_by("k")
return rows:process("p", { state = { a = tm.value("int", { ttl = "1h", refresh = "read" }) },
  each = function(ctx) ctx.state.a:set(1) end }):to(tm.discard())
