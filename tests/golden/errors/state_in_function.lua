-- A state that a function declares, for every row.
local tm = require "tidemill"
return tm.from(tm.lines()):key_by("line"):process("seen", { state = { n = tm.value("int") }, each = function(ctx, e)
  local count = tm.value("int", { default = 0 })
  ctx:emit { line = e.line, seen = count ~= nil }
end }):to(tm.print())
