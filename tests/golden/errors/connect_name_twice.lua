-- Two operators of one name.
local tm = require "tidemill"
local S = tm.schema { user_id = "string", amount = "double", n = "int", ts = "timestamp" }
local rows = tm.from(tm.file { path = "rows.jsonl", schema = S })
local others = tm.from(tm.file { path = "others.jsonl", schema = S })
local keyed = rows:key_by("user_id")
local first = keyed:process("both", { each = function(ctx, e) ctx:emit { user_id = e.user_id } end })
return first:key_by("user_id"):connect(others:key_by("user_id"), "both", {
  left = function(ctx, e) ctx:emit { n = 1 } end, right = function(ctx, e) end,
}):to(tm.print())
