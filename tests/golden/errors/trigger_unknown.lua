-- There is no trigger of this name.
local tm = require "tidemill"
local S = { user_id = "string", amount = "double", ts = "timestamp" }
local rows = tm.from(tm.file { path = "in.jsonl", format = "json", schema = S }):watermark("ts", { out_of_order = "5s" })
return rows:key_by("user_id"):window(tm.global()):trigger(tm.trigger.every(5))
  :aggregate("a", { n = tm.count() }):to(tm.print())
