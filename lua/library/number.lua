-- tm.number: numbers read strictly, rounded by their decimal places, and held within bounds.
local context = require "library.context"
local codes = require "tidemill.codes"
local decimal = require "codegen.decimal"
local int64 = require "codegen.int64"

local C, T = context.C, context.T
local bytes_of = context.bytes_of
local not_text, not_number, wrong, whole = context.not_text, context.not_number, context.wrong, context.whole
local give, check_text = context.give, context.text
local type, floor = type, math.floor
local istype = require("ffi").istype
local Decimal, Int64 = decimal.type, int64.type
local scratch = decimal.scratch
local EXACT = 2 ^ 53

local number = {}

function number.parse(s)
  local p, len = bytes_of(s)
  if p == nil then return not_text(s, "tm.number.parse") end
  if C.tm_number_parse(T, p, len) ~= 0 then return nil, "not a number" end
  return T.number
end

function number.parse_int(s, base)
  local p, len = bytes_of(s)
  if p == nil then return not_text(s, "tm.number.parse_int") end
  if base == nil then base = 10 end
  whole(base, 2, 36, "tm.number.parse_int", "base")
  if C.tm_number_parse_int(T, p, len, base) ~= 0 then return nil, "not a whole number up to 2^53" end
  return T.number
end

local function round(x, places, even, what)
  if places == nil then places = 0 else whole(places, -22, 22, what, "places") end
  if type(x) == "number" then return (C.tm_number_round(x, places, even)) end
  if type(x) == "cdata" then
    if istype(Decimal, x) then
      if C.tm_number_round_decimal(x, places, even, scratch) ~= 0 then
        wrong(what, nil, "a decimal whose rounded value has at most 38 digits", x)
      end
      return Decimal(scratch.low, scratch.high, scratch.scale)
    end
    if istype(Int64, x) and places >= 0 then return x end
  end
  return not_number(x, what)
end

function number.round(x, places) return (round(x, places, false, "tm.number.round")) end
function number.round_even(x, places) return (round(x, places, true, "tm.number.round_even")) end

function number.format(x, places, mark, point)
  if places == nil then places = 0 else whole(places, 0, 22, "tm.number.format", "places") end
  if mark == nil then mark = "," else check_text(mark, "tm.number.format", "mark") end
  if point == nil then point = "." else check_text(point, "tm.number.format", "point") end
  if type(x) == "number" then
    return (give(C.tm_number_format(T, x, places, mark, #mark, point, #point), "", "tm.number.format"))
  end
  if type(x) == "cdata" and (istype(Decimal, x) or istype(Int64, x)) then
    local value = istype(Int64, x) and decimal.make(tostring(x)) or x
    local n = C.tm_number_format_decimal(T, value, places, mark, #mark, point, #point)
    if n == codes.OVERFLOW then wrong("tm.number.format", nil, "a decimal whose rounded value has at most 38 digits", x) end
    return (give(n, "", "tm.number.format"))
  end
  return not_number(x, "tm.number.format")
end

function number.to_base(x, base)
  if x == nil then return nil end
  whole(x, -EXACT, EXACT, "tm.number.to_base")
  whole(base, 2, 36, "tm.number.to_base", "base")
  return (give(C.tm_number_to_base(T, x, base), "", "tm.number.to_base"))
end

function number.clamp(x, low, high)
  if type(x) ~= "number" and type(x) ~= "cdata" then return not_number(x, "tm.number.clamp") end
  if low == nil then wrong("tm.number.clamp", "low", "a number", low) end
  if high == nil then wrong("tm.number.clamp", "high", "a number", high) end
  if high < low then wrong("tm.number.clamp", "high", "a number that is not less than low", high) end
  if x < low then return low end
  if x > high then return high end
  return x
end

function number.floor_to(x, step)
  if type(x) ~= "number" then return not_number(x, "tm.number.floor_to") end
  if type(step) ~= "number" or not (step > 0) then wrong("tm.number.floor_to", "step", "a number above 0", step) end
  return floor(x / step) * step
end

return {
  name = "tm.number", functions = number, takes = "parse parse_int",
  results = { double = "parse", text = "to_base", keeps = "format", int = "parse_int", number = "round round_even clamp floor_to" },
}
