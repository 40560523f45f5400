-- The order of columns that a function's tables and assignments name: that of their first appearance in its text
-- (found by lua/tidemill/order.lua, which lexes), names that are computed last, alphabetically.
local order = {}

local function text_of(fn)
  local info = debug.getinfo(fn, "S")
  local found, place = pcall(require, "tidemill.place")
  if not found or info.source:sub(1, 1) ~= "@" then return nil end
  for _, file in ipairs(place.files()) do
    if "@" .. file.path == info.source then
      local lines, n = {}, 0
      for line in (file.text .. "\n"):gmatch("(.-)\n") do
        n = n + 1
        if n >= info.linedefined and n <= info.lastlinedefined then lines[#lines + 1] = line end
        if n > info.lastlinedefined then break end
      end
      return table.concat(lines, "\n")
    end
  end
end

---@param names table<string, boolean>
---@param fn function
---@return string[]
function order.of(names, fn)
  local text = text_of(fn)
  if text then
    local lexer = require "tidemill.order"
    return lexer.keys(names, text, nil)
  end
  local list = {}
  for name in pairs(names) do list[#list + 1] = name end
  table.sort(list)
  return list
end

return order
