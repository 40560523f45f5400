-- A name for states of two types, in two kinds of state of one operator.
local tm = require "tidemill"
local rules = tm.from(tm.file { path = "rules.jsonl", schema = { limit = "int" } })
return tm.from(tm.file { path = "a.jsonl", schema = { user = "string" } }):key_by("user"):process_broadcast(rules, "check", {
  state = { limit = tm.value("int") },
  broadcast = { limit = tm.value("string") },
  each = function(ctx, e) ctx:emit { user = e.user } end,
  rule = function() end,
}):to(tm.print())
