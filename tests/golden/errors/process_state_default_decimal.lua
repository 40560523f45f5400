-- The default of a state of decimals is a text.
local tm = require "tidemill"
return tm.from(tm.file { path = "in.jsonl", schema = { user_id = "string" } }):key_by("user_id")
  :process("velocity", {
    state = { spent = tm.value("decimal(10,2)", { default = "0.00", ttl = "1h" }) },
    each = function(ctx) ctx:emit { spent = ctx.state.spent:get() } end,
  }):to(tm.print())
