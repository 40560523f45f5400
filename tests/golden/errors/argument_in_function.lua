-- An argument that a function declares where the analysis cannot follow it: found when the first row comes.
local tm = require "tidemill"
local of = { tm = tm }
local name = of and "tm" or "other"
return tm.from(tm.generate { count = 1, fields = { line = tm.gen.choice { "a" } } }):map(function(e)
  local prefix = of[name].arg("prefix", "> ")
  return { line = prefix .. e.line }
end):to(tm.print())
