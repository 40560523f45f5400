-- A function of a window without a name.
local tm = require "tidemill"
local rows = tm.from(tm.file { path = "in.jsonl", schema = { user = "string", price = "int", ts = "timestamp" } })
  :watermark("ts"):key_by("user")
return rows:window(tm.tumbling("1m")):process(function(ctx, key, rows) ctx:emit { n = #rows } end):to(tm.print())
