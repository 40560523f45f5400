-- What a calculation with two abstract values (values.lua) gives: its type, with the scale of decimals.
local values = require "codegen.values"

local UNKNOWN, NUMBER = values.UNKNOWN, values.NUMBER

-- Decimal digits after the point of a number's shortest text: the scale with which it enters a calculation.
local function scale_of(number)
  if number ~= number or math.abs(number) == math.huge then return nil end
  for digits = 1, 17 do
    local text = ("%%.%dg"):format(digits):format(number)
    if tonumber(text) == number then
      local mantissa, exponent = text:match("^([^e]*)e?(.*)$")
      return math.max(0, #(mantissa:match("%.(%d*)$") or "") - (tonumber(exponent) or 0))
    end
  end
end

-- A constant number, an int or an int64 beside a decimal is a decimal.
local function as_decimal(v, other, name)
  if (name == "int" or name == "int64") and values.decimal(other or "") then return "decimal(38,0)" end
  if v.const and type(v.const) == "number" and values.decimal(other or "") then
    local scale = scale_of(v.const)
    if scale and scale <= 38 then return ("decimal(38,%d)"):format(scale) end
  end
  return name
end

-- Whole numbers give whole ones.
local WHOLE = { ADD = true, SUB = true, MUL = true }

---@param a table abstract value
---@param b table
---@param op string "ADD", "SUB", ...
---@return table abstract value
return function(a, b, op)
  local x, y = values.type_of(a), values.type_of(b)
  local function number(t) return values.is_number(t) or t == "string" or t == "nil" end
  if x == nil then x = "nil" end
  if y == nil then y = "nil" end
  if number(x) and number(y) then return WHOLE[op] and values.is_whole(a) and values.is_whole(b) and values.WHOLE or NUMBER end
  if x == "int64" and (y == "int64" or values.is_number(y)) or (y == "int64" and values.is_number(x)) then
    return values.of("int64")
  end
  local p1, s1 = values.decimal(as_decimal(a, y, x))
  local p2, s2 = values.decimal(as_decimal(b, x, y))
  if p1 and p2 then
    local scale
    if op == "ADD" or op == "SUB" then scale = math.max(s1, s2)
    elseif op == "MUL" then scale = s1 + s2
    elseif op == "DIV" then scale = math.max(6, s1) end
    if scale and scale <= 38 then return values.of(("decimal(38,%d)"):format(scale)) end
  end
  return UNKNOWN
end
