-- A time to live takes time.
local tm = require "tidemill"
local S = { user_id = "string", amount = "double", n = "int" }
local rows = tm.from(tm.file { path = "in.jsonl", format = "json", schema = S })
return rows:key_by("user_id"):process("velocity", {
  state = { n = tm.value("int", { ttl = "0s" }) },
  each = function(ctx, e) ctx.state.n:set(1) ctx:emit { user_id = e.user_id } end,
}):returns { user_id = "string" }:to(tm.print())
