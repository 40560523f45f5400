-- What goes out has a type that only rows of the second stream can tell.
local tm = require "tidemill"
local S = tm.schema { user_id = "string", amount = "double", n = "int", ts = "timestamp" }
local rows = tm.from(tm.file { path = "rows.jsonl", schema = S })
local types = { n = "a" }
local function unknown_type(e) return types[e.user_id] end
local others = tm.from(tm.file { path = "others.jsonl", schema = S })
return rows:key_by("user_id"):connect(others:map(function(e) return { user_id = e.user_id, x = unknown_type(e) } end):key_by("user_id"), "both", {
  left = function(ctx, e) ctx:emit { n = e.n } end, right = function(ctx, e) ctx:emit { x = e.x } end,
}):to(tm.print())
