-- A pass over a state that nobody declared.
local tm = require "tidemill"
local S = tm.schema { user_id = "string", amount = "double", n = "int", ts = "timestamp" }
local rows = tm.from(tm.file { path = "rows.jsonl", schema = S })
local others = tm.from(tm.file { path = "others.jsonl", schema = S })
return rows:key_by("user_id"):process_broadcast(others, "check", {
  state = { count = tm.value("int") },
  each = function(ctx, e) ctx.state.count:set(e.n) ctx:emit { n = e.n } end,
  rule = function(ctx, e) ctx:each_key("cuont", function(ctx, key, state) state:clear() end) end,
}):to(tm.print())
