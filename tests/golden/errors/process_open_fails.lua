-- A function that runs before the first record fails: the job cannot run, whatever on_error says.
local tm = require "tidemill"
return tm.from(tm.file { path = "in.jsonl", schema = { user_id = "string" } }):key_by("user_id")
  :process("velocity", {
    open = function(ctx) error("no limits for subtask " .. ctx.subtask) end,
    each = function(ctx) ctx:emit { user_id = ctx.key } end,
  }):on_error("skip"):to(tm.print())
