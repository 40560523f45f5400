-- A session ends after a silence, which takes time.
local tm = require "tidemill"
local S = { user_id = "string", amount = "double", ts = "timestamp" }
local rows = tm.from(tm.file { path = "in.jsonl", format = "json", schema = S }):watermark("ts", { out_of_order = "5s" })
return rows:key_by("user_id"):window(tm.session("0s"))
  :aggregate("a", { n = tm.count() }):to(tm.print())
