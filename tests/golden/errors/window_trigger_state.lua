-- A trigger's state with a time to live.
local tm = require "tidemill"
local rows = tm.from(tm.file { path = "in.jsonl", schema = { user = "string", price = "int", ts = "timestamp" } })
  :watermark("ts"):key_by("user")
return rows:window(tm.tumbling("1m")):trigger { state = { n = tm.value("int", { ttl = "1h" }) },
  element = function(ctx, e) return "fire" end }:aggregate("a", { n = tm.count() }):to(tm.print())
