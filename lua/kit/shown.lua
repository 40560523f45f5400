-- Values in messages of tests: a row in a line, fields in the order of their names.
local null = require "kit.null"

local shown = {}

local function key_text(k)
  if type(k) == "string" and k:find("^[%a_][%w_]*$") then return k end
  return "[" .. shown.value(k) .. "]"
end

local function before(a, b)
  if type(a) == type(b) and (type(a) == "number" or type(a) == "string") then return a < b end
  return tostring(a) < tostring(b)
end

function shown.value(v, depth)
  depth = depth or 0
  if type(v) == "string" then return '"' .. v:gsub('[%c"\\]', function(c)
    return c == "\n" and "\\n" or c == '"' and '\\"' or c == "\\" and "\\\\" or ("\\%d"):format(c:byte())
  end) .. '"' end
  if v == null or type(v) ~= "table" then
    if type(v) == "number" and v == math.floor(v) and math.abs(v) < 2 ^ 63 then return ("%.0f"):format(v) end
    return tostring(v)
  end
  if depth > 8 then return "..." end
  local parts, keys = {}, {}
  for i = 1, #v do parts[i] = shown.value(v[i], depth + 1) end
  for k in pairs(v) do
    if not (type(k) == "number" and k >= 1 and k <= #v and k == math.floor(k)) then keys[#keys + 1] = k end
  end
  table.sort(keys, before)
  for _, k in ipairs(keys) do parts[#parts + 1] = key_text(k) .. " = " .. shown.value(v[k], depth + 1) end
  return #parts == 0 and "{}" or "{ " .. table.concat(parts, ", ") .. " }"
end

return shown
