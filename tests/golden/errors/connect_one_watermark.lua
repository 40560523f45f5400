-- Only one of the streams has a watermark.
local tm = require "tidemill"
local S = tm.schema { user_id = "string", amount = "double", n = "int", ts = "timestamp" }
local rows = tm.from(tm.file { path = "rows.jsonl", schema = S })
local others = tm.from(tm.file { path = "others.jsonl", schema = S })
return rows:watermark("ts"):key_by("user_id"):connect(others:key_by("user_id"), "both", {
  left = function(ctx, e) ctx:emit { n = 1 } end, right = function(ctx, e) end,
}):to(tm.print())
