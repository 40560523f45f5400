-- The order of columns that a function's tables and assignments name: that of their first appearance in its text, then in
-- those of the script's functions that it calls, then that of tables that library functions give; names that are computed
-- last, alphabetically.
local texts = require "codegen.texts"

local order = {}

---@param names table<string, boolean>
---@param functions function[] the operator's, then those that it calls
---@param made string[][]? see codegen.analysis
---@return string[]
function order.of(names, functions, made)
  local list, taken = {}, {}
  local function add(name)
    if names[name] and not taken[name] then
      taken[name] = true
      list[#list + 1] = name
    end
  end
  for _, fn in ipairs(functions) do
    local file, func = texts.of(fn)
    if func then
      for _, n in ipairs(require("tidemill.outline").of(file).names) do
        if n.at >= func.from and n.at <= func.to then add(n.name) end
      end
    end
  end
  for _, own in ipairs(made or {}) do for _, name in ipairs(own) do add(name) end end
  local rest = {}
  for name in pairs(names) do if not taken[name] then rest[#rest + 1] = name end end
  table.sort(rest)
  for _, name in ipairs(rest) do add(name) end
  return list
end

return order
