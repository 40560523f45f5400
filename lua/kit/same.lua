-- When a row is what a spec says: numbers and the texts that decimals and large int64 come as are compared by value.
local null = require "kit.null"

-- "12.50" as 125, -1 and "0012" as 12, 0: digits without zeros at the ends, and the power of ten behind them.
local function decimal(v)
  if type(v) == "number" then v = v == math.floor(v) and math.abs(v) < 2 ^ 63 and ("%.0f"):format(v) or ("%.17g"):format(v) end
  if type(v) ~= "string" then return nil end
  local sign, whole, fraction = v:match("^(%-?)(%d+)%.?(%d*)$")
  if not whole or v:sub(-1) == "." then return nil end
  whole, fraction = whole:gsub("^0+", ""), fraction:gsub("0+$", "")
  if whole == "" and fraction == "" then sign = "" end
  return sign .. whole .. "." .. fraction
end

local function by_value(a, b)
  if type(a) == type(b) then return false end
  local number, text = type(a) == "number" and a or b, type(a) == "string" and a or b
  if type(number) ~= "number" or type(text) ~= "string" then return false end
  if number == math.floor(number) and math.abs(number) < 2 ^ 63 then return decimal(number) == decimal(text) end
  return decimal(text) ~= nil and tonumber(text) == number
end

local function same(a, b)
  if a == b or a ~= a and b ~= b then return true end
  if type(a) ~= "table" or type(b) ~= "table" or a == null or b == null then return by_value(a, b) end
  for k, v in pairs(a) do
    if not same(v, b[k]) then return false end
  end
  for k in pairs(b) do
    if a[k] == nil then return false end
  end
  return true
end

return same
