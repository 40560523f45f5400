-- States, and no function.
local tm = require "tidemill"
local rows = tm.from(tm.file { path = "in.jsonl", schema = { user = "string", price = "int", ts = "timestamp" } })
  :watermark("ts"):key_by("user")
return rows:window(tm.tumbling("1m")):process("a", { state = { n = tm.value("int") } }):to(tm.print())
