-- A list state is updated by another one, not by its values.
local tm = require "tidemill"
return tm.from(tm.file { path = "in.jsonl", schema = { user_id = "string" } }):key_by("user_id")
  :process("velocity", {
    state = { old = tm.list("int", { ttl = "1h" }), new = tm.list("int", { ttl = "1h" }) },
    each = function(ctx) ctx.state.old:update(ctx.state.new) ctx:emit { user_id = ctx.key } end,
  }):to(tm.print())
