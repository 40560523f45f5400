-- A trigger that waits for a time, and has nothing to say when it comes.
local tm = require "tidemill"
local rows = tm.from(tm.file { path = "in.jsonl", schema = { user = "string", price = "int", ts = "timestamp" } })
  :watermark("ts"):key_by("user")
return rows:window(tm.tumbling("1m")):trigger {
  element = function(ctx, e)
    ctx:timer(e.ts + 1000)
    return "continue"
  end,
}:aggregate("a", { n = tm.count() }):to(tm.print())
