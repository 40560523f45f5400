-- The second stream has no key.
local tm = require "tidemill"
local S = tm.schema { user_id = "string", amount = "double", n = "int", ts = "timestamp" }
local rows = tm.from(tm.file { path = "rows.jsonl", schema = S })
local others = tm.from(tm.file { path = "others.jsonl", schema = S })
return rows:key_by("user_id"):connect(others, "both", { left = function(ctx, e) end, right = function(ctx, e) ctx:emit { n = 1 } end }):to(tm.print())
