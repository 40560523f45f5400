-- Event time that the rows do not have.
local tm = require "tidemill"
local S = { user_id = "string", amount = "double", n = "int" }
local rows = tm.from(tm.file { path = "in.jsonl", format = "json", schema = S })
return rows:key_by("user_id"):process("velocity", {
  state = { count = tm.value("int", { ttl = "1h", clock = "event" }) },
  each = function(ctx, e) ctx:emit { n = 1 } end,
}):to(tm.print())
