-- An evictor where the window is one already.
local tm = require "tidemill"
local rows = tm.from(tm.file { path = "in.jsonl", schema = { user = "string", price = "int", ts = "timestamp" } })
  :watermark("ts"):key_by("user")
return rows:window(tm.count_window(10, 2)):evict(tm.evict.count(5)):aggregate("a", { n = tm.count() }):to(tm.print())
