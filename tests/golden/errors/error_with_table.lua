-- An error raised with a table that has no message.
local tm = require "tidemill"
return tm.from(tm.file { path = "in.jsonl", format = "text" })
  :map(function(line)
    if #line > 1 then error { code = 7, why = "too long", size = #line } end
    return { line = line }
  end)
  :to(tm.print())
