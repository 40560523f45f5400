-- Sessions merge, and this aggregate cannot.
local tm = require "tidemill"
local S = { user_id = "string", amount = "double", ts = "timestamp" }
local rows = tm.from(tm.file { path = "in.jsonl", format = "json", schema = S }):watermark("ts", { out_of_order = "5s" })
return rows:key_by("user_id"):window(tm.session("30m"))
  :aggregate("spend", tm.aggregate { accumulator = { total = "double" }, add = function(a, e) a.total = (a.total or 0) + e.amount end })
  :to(tm.print())
