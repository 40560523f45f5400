-- A way to split that there is not.
local tm = require "tidemill"
local S = { user_id = "string", amount = "double", n = "int" }
local rows = tm.from(tm.file { path = "in.jsonl", format = "json", schema = S })
return rows:process("seen", {
  state = { seen = tm.operator_list("int", { split = "unite" }) },
  each = function(ctx, e) ctx:emit { n = e.n } end,
}):to(tm.print())
