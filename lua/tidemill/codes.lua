-- The error codes by name: codes.UNKNOWN_FIELD == -307. In the binary core/vm fills this module from the C table and
-- this file is never read; outside of it (specs) the same table is parsed from core/base/errors.def.
local codes = {}

local here = debug.getinfo(1, "S").source:match("^@(.*)lua/tidemill/codes%.lua$") or ""
local file = assert(io.open(here .. "core/base/errors.def", "rb"))
for line in file:lines() do
  local name, number = line:match("^TM_ERROR%((%u[%u%d_]*),%s*(%d+),")
  if name then codes[name] = -tonumber(number) end
end
file:close()

return codes
