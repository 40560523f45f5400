-- A pass over all keys is told what to do.
local tm = require "tidemill"
local S = { user_id = "string", amount = "double", n = "int" }
local rows = tm.from(tm.file { path = "in.jsonl", format = "json", schema = S })
local limits = tm.from(tm.file { path = "in.jsonl", format = "json", schema = S, name = "limits" })
return rows:key_by("user_id"):process_broadcast(limits, "check", {
  broadcast = { limit = tm.value("double") },
  state = { spent = tm.value("double") },
  each = function(ctx) ctx:emit { user_id = ctx.key } end,
  rule = function(ctx) ctx:each_key("spent") end,
}):to(tm.print())
