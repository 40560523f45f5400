-- A window has a length.
local tm = require "tidemill"
local S = { user_id = "string", amount = "double", ts = "timestamp" }
local rows = tm.from(tm.file { path = "in.jsonl", format = "json", schema = S }):watermark("ts", { out_of_order = "5s" })
return rows:key_by("user_id"):window(tm.sliding("-10m", "1m"))
  :aggregate("a", { n = tm.count() }):to(tm.print())
