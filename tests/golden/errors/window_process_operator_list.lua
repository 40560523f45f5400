-- The state of a window function belongs to the key.
local tm = require "tidemill"
local S = { user_id = "string", amount = "double", ts = "timestamp" }
local rows = tm.from(tm.file { path = "in.jsonl", format = "json", schema = S }):watermark("ts", { out_of_order = "5s" })
return rows:key_by("user_id"):window(tm.tumbling("1m")):process("visits", {
  state = { seen = tm.operator_list("string") },
  each = function(ctx, user) ctx:emit { user_id = user } end,
}):to(tm.print())
