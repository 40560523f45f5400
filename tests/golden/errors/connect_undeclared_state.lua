-- A state that nobody declared, in the function of the second stream.
local tm = require "tidemill"
local S = tm.schema { user_id = "string", amount = "double", n = "int", ts = "timestamp" }
local rows = tm.from(tm.file { path = "rows.jsonl", schema = S })
local others = tm.from(tm.file { path = "others.jsonl", schema = S })
return rows:key_by("user_id"):connect(others:key_by("user_id"), "both", {
  state = { last = tm.value("int") },
  left = function(ctx, e) ctx:emit { n = ctx.state.last:get() } end,
  right = function(ctx, e) ctx.state.lst:set(e.n) end,
}):to(tm.print())
