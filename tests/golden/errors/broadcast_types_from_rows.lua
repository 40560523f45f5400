-- Rules can come before the first row whose types would tell.
local tm = require "tidemill"
local S = tm.schema { user_id = "string", amount = "double", n = "int" }
local types = { n = "a" }
local function unknown_type(e) return types[e.user_id] end
local rows = tm.from(tm.file { path = "in.jsonl", schema = S })
local rules = tm.from(tm.file { path = "in.jsonl", schema = S, name = "rules" })
return rows:map(function(e) return { user_id = e.user_id, x = unknown_type(e) } end)
  :key_by("user_id"):process_broadcast(rules, "check", {
    broadcast = { limit = tm.value("double") },
    each = function(ctx) ctx:emit { user_id = ctx.key } end,
    rule = function(ctx, e) ctx.broadcast.limit:set(e.amount) end,
  }):to(tm.print())
