-- The columns are declared when the side output has been read.
local tm = require "tidemill"
local p = tm.from(tm.file { path = "in.jsonl", schema = { user_id = "string" } }):key_by("user_id")
  :process("velocity", { each = function(ctx) ctx:emit { user_id = ctx.key } ctx:output("all", { user_id = ctx.key }) end })
p:side("all"):to(tm.print())
return p:returns { user_id = "string" }:to(tm.discard())
