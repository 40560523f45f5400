-- A list of the operator is no broadcast state.
local tm = require "tidemill"
local S = { user_id = "string", amount = "double", n = "int" }
local rows = tm.from(tm.file { path = "in.jsonl", format = "json", schema = S })
return rows:key_by("user_id"):process_broadcast(tm.from(tm.file { path = "rules.jsonl", schema = S }), "check", {
  broadcast = { seen = tm.operator_list("int") },
  each = function(ctx, e) ctx:emit { n = e.n } end, rule = function(ctx, e) end,
}):to(tm.print())
