-- Decimals as user code sees them (LUA_API "Values"): exact, immutable, 128 bits and a scale, with + - * / and
-- comparisons among decimals, whole numbers of 64 bits, numbers and texts. The rules are those of core/batch/decimal.h;
-- what fits 64 bits and needs no change of scale is done here, so that a trace holds no call; the rest is done by C.
-- Fields are const, so a value that user code holds never changes. As a table key a decimal is an object, unequal to its
-- equals: derive refuses that where the bytecode shows it.
local ffi = require "ffi.init"
local layout = require "ffi.layout"
local problem = require "codegen.problem"
local codes = require "tidemill.codes"

local decimal = {}

local C = ffi.C
local istype, cast = ffi.istype, ffi.cast
local type, tostring = type, tostring
local arshift = bit.arshift

local Value = ffi.typeof("const struct tm_decimal_value")
local Int, Unsigned = ffi.typeof("int64_t"), ffi.typeof("uint64_t")
local Int64 = ffi.typeof("struct tm_int64_value")
local Chars = ffi.typeof("const char *")
local scratch = ffi.new("struct tm_decimal_value")
local text_bytes = ffi.new("char[64]")
local order_cell = ffi.new("int32_t[1]")

decimal.type = Value
decimal.scratch = scratch

-- |unscaled| < 10^38 for sure while the high word lies strictly within these; beyond, C looks.
local HIGH = 5421010862427522169LL

function decimal.is(value) return type(value) == "cdata" and istype(Value, value) end

-- No call here or in int64.lua is in tail position: a trace takes 15 of them (README, "No local holds").
local function taken() return (Value(scratch.low, scratch.high, scratch.scale)) end

local function failed(code, what, divisor)
  if divisor and divisor.low == 0 and divisor.high == 0 then problem.raise("OVERFLOW", "a decimal divided by zero") end
  if code == codes.OVERFLOW then
    problem.raise("OVERFLOW", ("the %s of two decimals has more than 38 digits"):format(what),
      "value:tonumber() calculates with doubles")
  end
  problem.raise("USER_CODE", ("a decimal cannot take part in a %s"):format(what))
end

local function not_a_number(value, what, rc)
  if rc == codes.OVERFLOW and math.abs(tonumber(value) or 0) < math.huge then
    problem.raise("OVERFLOW", ("%s of a decimal and %s, which has more than 38 digits as a decimal"):format(what,
      problem.show(value)), "value:tonumber() calculates with doubles")
  end
  problem.raise("USER_CODE", ("%s of a decimal and %s"):format(what, problem.show(value)), value == nil
    and "a null field is nil: test it first" or "decimals, numbers, int64 and texts of numbers can be used together")
end

---From a Lua number, through its shortest text; from a text; nil and a code when it is none.
function decimal.make(value)
  local rc
  if type(value) == "number" then rc = C.tm_decimal_value_from_double(value, scratch)
  elseif type(value) == "string" then rc = C.tm_decimal_value_parse(value, #value, scratch)
  elseif decimal.is(value) then return value
  else return nil end
  if rc ~= 0 then return nil, rc end
  return (taken())
end

---A whole number of 64 bits (int64 or 5LL, cdata) as a decimal; nil for other cdata.
local function whole(value)
  if istype(Int64, value) then value = value.value end
  if istype(Int, value) then return (Value(cast(Unsigned, value), arshift(value, 63), 0)) end
  if istype(Unsigned, value) then return Value(value, 0, 0) end -- 5ULL in the script
  return nil
end

---From the text of a decimal that lies in a row.
---@param at ffi.cdata* const uint8_t *
function decimal.read(at, length)
  if C.tm_decimal_value_parse(cast(Chars, at), length, scratch) ~= 0 then return (ffi.string(at, length)) end
  return (taken())
end

decimal.whole = whole

-- Numbers and texts that programs write beside decimals are few: kept by scale, so that `e.amount > 10` compares words.
local kept, kept_count = {}, 0
for s = 0, 38 do kept[s] = {} end

-- nil and a code when no decimal has the value.
local function keep(value, scale)
  local d, rc = decimal.make(value)
  if d == nil then return nil, rc end
  if d.scale < scale and C.tm_decimal_value_rescale(d, 38, scale, scratch) == 0 then d = taken() end
  if kept_count >= 4096 then
    for s = 0, 38 do kept[s] = {} end
    kept_count = 0
  end
  kept[scale][value] = d
  kept_count = kept_count + 1
  return d
end

-- The other operand, at the given scale when that is exact, else as it is; nil and a code when no decimal has its value.
local function as_decimal(value, scale)
  if type(value) == "cdata" then
    if istype(Value, value) then return value end
    return (whole(value))
  end
  if type(value) == "number" then
    if value ~= value then return nil end
    local known = kept[scale][value]
    if known ~= nil then return known end
    return keep(value, scale)
  end
  if type(value) ~= "string" then return nil end
  local known = kept[scale][value]
  if known ~= nil then return known end
  return keep(value, scale)
end

-- The same, or an error. Not by a call of the other: each function between an operator and its loop can get hot alone.
local function operand(value, scale, what)
  if type(value) == "cdata" then
    if istype(Value, value) then return value end
    return whole(value) or not_a_number(value, what)
  end
  if (type(value) ~= "number" and type(value) ~= "string") or value ~= value then not_a_number(value, what) end
  local known = kept[scale][value]
  if known ~= nil then return known end
  local d, rc = keep(value, scale)
  if d == nil then not_a_number(value, what, rc) end
  return d
end

local function both(a, b, what)
  if type(a) == "cdata" and istype(Value, a) then return a, operand(b, a.scale, what) end
  return operand(a, b.scale, what), b
end

-- -1, 0, 1: a decimal and a number or a text that no decimal equals, since it has too many digits. nil: one that is no
-- number at all, or NaN.
local function beyond(d, value)
  local rc = -1
  if type(value) == "number" then rc = C.tm_decimal_value_compare_double(d, value, order_cell)
  elseif type(value) == "string" then rc = C.tm_decimal_value_compare_text(d, value, #value, order_cell) end
  if rc == 0 then return order_cell[0] end
  return nil
end

local mt, is_new = layout.operators("struct tm_decimal_value")

function mt.__add(a, b)
  a, b = both(a, b, "sum")
  if a.scale == b.scale then
    local low, high = a.low + b.low, a.high + b.high
    if low < a.low then high = high + 1 end
    if high < HIGH and high > -HIGH then return (Value(low, high, a.scale)) end
  end
  local rc = C.tm_decimal_value_add(a, b, scratch)
  if rc ~= 0 then failed(rc, "sum") end
  return (taken())
end

function mt.__sub(a, b)
  a, b = both(a, b, "difference")
  if a.scale == b.scale then
    local low, high = a.low - b.low, a.high - b.high
    if a.low < b.low then high = high - 1 end
    if high < HIGH and high > -HIGH then return (Value(low, high, a.scale)) end
  end
  local rc = C.tm_decimal_value_sub(a, b, scratch)
  if rc ~= 0 then failed(rc, "difference") end
  return (taken())
end

function mt.__mul(a, b)
  -- At its own scale: that of a product is the sum of the operands' scales.
  if type(a) == "cdata" and istype(Value, a) then b = operand(b, 0, "product") else a = operand(a, 0, "product") end
  local x, y = cast(Int, a.low), cast(Int, b.low)
  if x < 0x7fffffffLL and x > -0x7fffffffLL and y < 0x7fffffffLL and y > -0x7fffffffLL
    and a.high == arshift(x, 63) and b.high == arshift(y, 63) and a.scale + b.scale <= 38 then
    local p = x * y
    return (Value(p, arshift(p, 63), a.scale + b.scale))
  end
  local rc = C.tm_decimal_value_mul(a, b, scratch)
  if rc ~= 0 then failed(rc, "product") end
  return (taken())
end

local function own(value)
  if type(value) == "cdata" then return whole(value) or not_a_number(value, "quotient") end
  local d, rc = decimal.make(value)
  return d or not_a_number(value, "quotient", rc)
end

function mt.__div(a, b)
  -- The scale of a quotient follows from the operands' own: a kept number has been given the other's scale.
  if not (type(a) == "cdata" and istype(Value, a)) then a = own(a) end
  if not (type(b) == "cdata" and istype(Value, b)) then b = own(b) end
  local rc = C.tm_decimal_value_div(a, b, scratch)
  if rc ~= 0 then failed(rc, "quotient", b) end
  return (taken())
end

function mt.__unm(a)
  return Value(-a.low, a.low == 0 and -a.high or -a.high - 1, a.scale)
end

local function refuse(name)
  return function() problem.raise("USER_CODE", "decimals have no " .. name, "value:tonumber() calculates with doubles") end
end
mt.__mod, mt.__pow, mt.__len = refuse("%"), refuse("^"), refuse("length")

-- The operands of a comparison as decimals; the third result tells where one of them is none: -1, 0, 1, or 2 for NaN.
local function ordered(a, b)
  local left = type(a) == "cdata" and istype(Value, a)
  local x, y = a, b
  if left then y = as_decimal(b, a.scale) else x = as_decimal(a, b.scale) end
  if x ~= nil and y ~= nil then return x, y, nil end
  local order
  if left then order = beyond(a, b) else order = beyond(b, a) end
  if order ~= nil then return a, b, left and order or -order end
  local other
  if left then other = b else other = a end
  if other == other then not_a_number(other, "comparison") end
  return a, b, 2
end

function mt.__lt(a, b)
  local x, y, order = ordered(a, b)
  if order ~= nil then return order < 0 end
  if x.scale == y.scale then
    if x.high ~= y.high then return x.high < y.high end
    return x.low < y.low
  end
  return C.tm_decimal_value_compare(x, y) < 0
end

function mt.__le(a, b)
  local x, y, order = ordered(a, b)
  if order ~= nil then return order <= 0 end
  if x.scale == y.scale then
    if x.high ~= y.high then return x.high < y.high end
    return x.low <= y.low
  end
  return C.tm_decimal_value_compare(x, y) <= 0
end

-- LuaJIT calls __eq of a cdata for operands of other types too: e.amount == 10, e.amount == "10.00" and e.amount == e.id
-- compare by value. What no decimal has the value of is equal to none.
function mt.__eq(a, b)
  if not (type(a) == "cdata" and istype(Value, a)) then a, b = b, a end
  b = as_decimal(b, a.scale)
  if b == nil then return false end
  if a.scale == b.scale then return a.low == b.low and a.high == b.high end
  return C.tm_decimal_value_compare(a, b) == 0
end

function decimal.text(value)
  local n = C.tm_decimal_value_format(value, text_bytes)
  if n < 0 then error("tidemill: a decimal with scale " .. value.scale) end
  return (ffi.string(text_bytes, n))
end

mt.__tostring = decimal.text

local function part(value)
  if type(value) == "string" or type(value) == "number" then return value end
  if type(value) == "cdata" then return (tostring(value)) end
  problem.raise("USER_CODE", "a text and " .. problem.show(value) .. " cannot be joined with ..",
    value == nil and 'a null field is nil: use (e.field or "")' or nil)
end

function mt.__concat(a, b) return part(a) .. part(b) end

local methods = {}
function methods.tonumber(value) return (C.tm_decimal_value_to_double(value)) end

function mt.__index(_, name)
  local m = methods[name]
  if m == nil then
    problem.raise("USER_CODE", ("a decimal has no field or method %s"):format(problem.show(name)),
      "it has :tonumber(); tostring(value) is its text")
  end
  return m
end

function mt.__newindex() problem.raise("USER_CODE", "a decimal cannot be changed") end

decimal.operators = mt
if is_new then ffi.metatype("struct tm_decimal_value", mt) end

return decimal
