-- An operator that is put behind a stream while rows run.
local tm = require "tidemill"
local lines = tm.from(tm.lines())
local function keep(line) return line ~= "" end
return lines:map(function(line)
  lines:filter(keep):to(tm.print())
  return { line = line }
end):to(tm.print())
