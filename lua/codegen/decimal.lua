-- Decimals as user code sees them (LUA_API "Values"): exact, immutable, 128 bits and a scale, with + - * / and
-- comparisons among decimals, numbers and texts. The rules are those of core/batch/decimal.h; what fits 64 bits and
-- needs no change of scale is done here, so that a trace holds no call; the rest is done by C. Fields are const, so a
-- value that user code holds never changes. As a table key a decimal is an object, unequal to its equals: derive
-- refuses that where the bytecode shows it.
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
local Int = ffi.typeof("int64_t")
local Chars = ffi.typeof("const char *")
local scratch = ffi.new("struct tm_decimal_value")
local text_bytes = ffi.new("char[64]")

decimal.type = Value
decimal.scratch = scratch

-- |unscaled| < 10^38 for sure while the high word lies strictly within these; beyond, C looks.
local HIGH = 5421010862427522169LL

function decimal.is(value) return type(value) == "cdata" and istype(Value, value) end

local function taken() return Value(scratch.low, scratch.high, scratch.scale) end

local function failed(code, what, divisor)
  if divisor and divisor.low == 0 and divisor.high == 0 then problem.raise("OVERFLOW", "a decimal divided by zero") end
  if code == codes.OVERFLOW then
    problem.raise("OVERFLOW", ("the %s of two decimals has more than 38 digits"):format(what),
      "value:tonumber() calculates with doubles")
  end
  problem.raise("USER_CODE", ("a decimal cannot take part in a %s"):format(what))
end

local function not_a_number(value, what)
  problem.raise("USER_CODE", ("%s of a decimal and %s"):format(what, problem.show(value)), value == nil
    and "a null field is nil: test it first" or "decimals, numbers and texts of numbers can be used together")
end

---From a Lua number, through its shortest text; from a text; nil when it is none.
function decimal.make(value)
  local rc
  if type(value) == "number" then rc = C.tm_decimal_value_from_double(value, scratch)
  elseif type(value) == "string" then rc = C.tm_decimal_value_parse(value, #value, scratch)
  elseif decimal.is(value) then return value
  else return nil end
  if rc ~= 0 then return nil end
  return taken()
end

---From the text of a decimal that lies in a row.
---@param at ffi.cdata* const uint8_t *
function decimal.read(at, length)
  if C.tm_decimal_value_parse(cast(Chars, at), length, scratch) ~= 0 then return ffi.string(at, length) end
  return taken()
end

-- Numbers and texts that programs write beside decimals are few: kept by scale, so that `e.amount > 10` compares words.
local kept, kept_count = {}, 0
for s = 0, 38 do kept[s] = {} end

local function keep(value, scale, what)
  local d = decimal.make(value)
  if d == nil then not_a_number(value, what) end
  if d.scale < scale and C.tm_decimal_value_rescale(d, 38, scale, scratch) == 0 then d = taken() end
  if kept_count >= 4096 then
    for s = 0, 38 do kept[s] = {} end
    kept_count = 0
  end
  kept[scale][value] = d
  kept_count = kept_count + 1
  return d
end

-- The other operand at the given scale when that is exact, else as it is.
local function operand(value, scale, what)
  if type(value) == "cdata" then
    if istype(Value, value) then return value end
    not_a_number(value, what)
  end
  if type(value) == "number" then
    if value ~= value then not_a_number(value, what) end
    return kept[scale][value] or keep(value, scale, what)
  end
  if type(value) ~= "string" then not_a_number(value, what) end
  return kept[scale][value] or keep(value, scale, what)
end

local function both(a, b, what)
  if type(a) == "cdata" and istype(Value, a) then return a, operand(b, a.scale, what) end
  return operand(a, b.scale, what), b
end

local mt, is_new = layout.operators("struct tm_decimal_value")

function mt.__add(a, b)
  a, b = both(a, b, "sum")
  if a.scale == b.scale then
    local low, high = a.low + b.low, a.high + b.high
    if low < a.low then high = high + 1 end
    if high < HIGH and high > -HIGH then return Value(low, high, a.scale) end
  end
  local rc = C.tm_decimal_value_add(a, b, scratch)
  if rc ~= 0 then failed(rc, "sum") end
  return taken()
end

function mt.__sub(a, b)
  a, b = both(a, b, "difference")
  if a.scale == b.scale then
    local low, high = a.low - b.low, a.high - b.high
    if a.low < b.low then high = high - 1 end
    if high < HIGH and high > -HIGH then return Value(low, high, a.scale) end
  end
  local rc = C.tm_decimal_value_sub(a, b, scratch)
  if rc ~= 0 then failed(rc, "difference") end
  return taken()
end

function mt.__mul(a, b)
  -- At its own scale: that of a product is the sum of the operands' scales.
  if type(a) == "cdata" and istype(Value, a) then b = operand(b, 0, "product") else a = operand(a, 0, "product") end
  local x, y = cast(Int, a.low), cast(Int, b.low)
  if x < 0x7fffffffLL and x > -0x7fffffffLL and y < 0x7fffffffLL and y > -0x7fffffffLL
    and a.high == arshift(x, 63) and b.high == arshift(y, 63) and a.scale + b.scale <= 38 then
    local p = x * y
    return Value(p, arshift(p, 63), a.scale + b.scale)
  end
  local rc = C.tm_decimal_value_mul(a, b, scratch)
  if rc ~= 0 then failed(rc, "product") end
  return taken()
end

function mt.__div(a, b)
  -- The scale of a quotient follows from the operands' own: a kept number has been given the other's scale.
  if not (type(a) == "cdata" and istype(Value, a)) then a = decimal.make(a) or not_a_number(a, "quotient") end
  if not (type(b) == "cdata" and istype(Value, b)) then b = decimal.make(b) or not_a_number(b, "quotient") end
  local rc = C.tm_decimal_value_div(a, b, scratch)
  if rc ~= 0 then failed(rc, "quotient", b) end
  return taken()
end

function mt.__unm(a)
  return Value(-a.low, a.low == 0 and -a.high or -a.high - 1, a.scale)
end

local function refuse(name)
  return function() problem.raise("USER_CODE", "decimals have no " .. name, "value:tonumber() calculates with doubles") end
end
mt.__mod, mt.__pow, mt.__len = refuse("%"), refuse("^"), refuse("length")

function mt.__lt(a, b)
  a, b = both(a, b, "comparison")
  if a.scale == b.scale then
    if a.high ~= b.high then return a.high < b.high end
    return a.low < b.low
  end
  return C.tm_decimal_value_compare(a, b) < 0
end

function mt.__le(a, b)
  a, b = both(a, b, "comparison")
  if a.scale == b.scale then
    if a.high ~= b.high then return a.high < b.high end
    return a.low <= b.low
  end
  return C.tm_decimal_value_compare(a, b) <= 0
end

-- LuaJIT calls __eq of a cdata for operands of other types too: e.amount == 10 and e.amount == "10.00" compare by
-- value.
function mt.__eq(a, b)
  if not (type(a) == "cdata" and istype(Value, a)) then a, b = b, a end
  if type(b) == "string" or type(b) == "number" then
    local scale = a.scale
    local known = kept[scale][b == b and b or 0]
    if b ~= b then return false end
    if known == nil and decimal.make(b) == nil then return false end
    b = known or keep(b, scale, "comparison")
  elseif not (type(b) == "cdata" and istype(Value, b)) then
    return false
  end
  if a.scale == b.scale then return a.low == b.low and a.high == b.high end
  return C.tm_decimal_value_compare(a, b) == 0
end

function decimal.text(value)
  local n = C.tm_decimal_value_format(value, text_bytes)
  if n < 0 then error("tidemill: a decimal with scale " .. value.scale) end
  return ffi.string(text_bytes, n)
end

mt.__tostring = decimal.text

local function part(value)
  if type(value) == "string" or type(value) == "number" then return value end
  if type(value) == "cdata" then return tostring(value) end
  problem.raise("USER_CODE", "a text and " .. problem.show(value) .. " cannot be joined with ..",
    value == nil and 'a null field is nil: use (e.field or "")' or nil)
end

function mt.__concat(a, b) return part(a) .. part(b) end

local methods = {}
function methods.tonumber(value) return C.tm_decimal_value_to_double(value) end

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
