-- A gap that is a text.
local tm = require "tidemill"
local rows = tm.from(tm.file { path = "in.jsonl", schema = { user = "string", price = "int", ts = "timestamp" } })
  :watermark("ts"):key_by("user")
return rows:window(tm.session(function(e) return e.user end)):aggregate("a", { n = tm.count() }):to(tm.print())
