-- A state of texts is given bytes that are none.
local tm = require "tidemill"
return tm.from(tm.file { path = "in.jsonl", schema = { user_id = "string" } }):key_by("user_id")
  :process("velocity", {
    state = { raw = tm.value("string", { ttl = "1h" }) },
    each = function(ctx) ctx.state.raw:set("\255") ctx:emit { user_id = ctx.key } end,
  }):to(tm.print())
