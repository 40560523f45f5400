-- A rule has no key, so no state of one.
local tm = require "tidemill"
local S = tm.schema { user_id = "string", amount = "double", n = "int", ts = "timestamp" }
local rows = tm.from(tm.file { path = "rows.jsonl", schema = S })
local others = tm.from(tm.file { path = "others.jsonl", schema = S })
return rows:key_by("user_id"):process_broadcast(others, "check", {
  state = { n = tm.value("int") },
  each = function(ctx, e) ctx:emit { n = e.n } end,
  rule = function(ctx, e) ctx.state.n:clear() end,
}):to(tm.print())
