-- A trigger that fires all the time.
local tm = require "tidemill"
local S = { user_id = "string", amount = "double", ts = "timestamp" }
local rows = tm.from(tm.file { path = "in.jsonl", format = "json", schema = S }):watermark("ts", { out_of_order = "5s" })
return rows:key_by("user_id"):window(tm.global()):trigger(tm.trigger.continuous_processing_time(0))
  :aggregate("a", { n = tm.count() }):to(tm.print())
