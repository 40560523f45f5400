-- What belongs to no key has no time to live.
local tm = require "tidemill"
local S = { user_id = "string", amount = "double", n = "int" }
local rows = tm.from(tm.file { path = "in.jsonl", format = "json", schema = S })
return rows:process("velocity", {
  state = { seen = tm.operator_list("string", { ttl = "1h" }) },
  each = function(ctx, e) ctx:emit { user_id = e.user_id } end,
}):returns { user_id = "string" }:to(tm.print())
