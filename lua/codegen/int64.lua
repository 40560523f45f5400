-- int64 values as user code sees them (LUA_API "Values"): immutable, 64 bits, never a double. A struct of their own,
-- because LuaJIT's bare int64_t would take 5LL + 0.5 for 5LL. What would lose something is an error that names
-- tonumber; with a decimal they are decimals without a fraction. As table keys they are objects, unequal even when their
-- values are equal: derive refuses that where the bytecode shows it.
local ffi = require "ffi.init"
local layout = require "ffi.layout"
local problem = require "codegen.problem"
local decimal = require "codegen.decimal"

local int64 = {}

local bxor, band = bit.bxor, bit.band
local floor = math.floor
local type, tonumber, tostring = type, tonumber, tostring
local istype = ffi.istype

local Value = ffi.typeof("struct tm_int64_value")
local Raw, Unsigned = ffi.typeof("int64_t"), ffi.typeof("uint64_t")
local MIN = -0x7fffffffffffffffLL - 1LL
local LIMIT = 2 ^ 63

int64.type = Value

---@param value any
---@return boolean
function int64.is(value) return type(value) == "cdata" and istype(Value, value) end

local function refuse(what, value)
  if type(value) == "number" then
    problem.raise("USER_CODE", ("%s of an int64 and %s, which has a fraction or is too large"):format(what, tostring(value)),
      "tonumber(e.field) makes a number of the int64 (exact up to 2^53), or declare the field as int")
  end
  problem.raise("USER_CODE", ("%s of an int64 and %s"):format(what, problem.show(value)),
    type(value) == "nil" and "a null field is nil: test it first"
      or "tonumber(e.field) makes a number of the int64; tostring(e.field) makes a text")
end

-- The operand as a bare int64_t; exact, or an error.
local function raw(value, what)
  if type(value) == "number" then
    if floor(value) == value and value < LIMIT and value >= -LIMIT then return (ffi.cast(Raw, value)) end
    refuse(what, value)
  end
  if type(value) == "cdata" then
    if istype(Value, value) then return value.value end
    if istype(Raw, value) then return value end -- 5LL in the script
  end
  refuse(what, value)
end

local function overflow(what, of)
  problem.raise("OVERFLOW", ("the %s of %s is beyond 64 bits"):format(what, of or "two int64 values"),
    "tonumber(e.field) calculates with doubles; a decimal field has up to 38 digits")
end

local mt, is_new = layout.operators("struct tm_int64_value")
local Decimal, exact = decimal.type, decimal.operators

-- LuaJIT asks the left operand first: one of the two may be a decimal, whose operators know int64. Each operator looks by
-- itself: a function for it would be one more that can get hot alone, before the loop over the rows.

function mt.__add(a, b)
  if (type(a) == "cdata" and istype(Decimal, a)) or (type(b) == "cdata" and istype(Decimal, b)) then return (exact.__add(a, b)) end
  local x, y = raw(a, "sum"), raw(b, "sum")
  local r = x + y
  if band(bxor(x, r), bxor(y, r)) < 0 then overflow("sum") end
  return (Value(r))
end

function mt.__sub(a, b)
  if (type(a) == "cdata" and istype(Decimal, a)) or (type(b) == "cdata" and istype(Decimal, b)) then return (exact.__sub(a, b)) end
  local x, y = raw(a, "difference"), raw(b, "difference")
  local r = x - y
  if band(bxor(x, y), bxor(x, r)) < 0 then overflow("difference") end
  return (Value(r))
end

function mt.__mul(a, b)
  if (type(a) == "cdata" and istype(Decimal, a)) or (type(b) == "cdata" and istype(Decimal, b)) then return (exact.__mul(a, b)) end
  local x, y = raw(a, "product"), raw(b, "product")
  local r = x * y
  if (x > 0x7fffffffLL or x < -0x7fffffffLL or y > 0x7fffffffLL or y < -0x7fffffffLL) and x ~= 0 then
    if (x == -1 and y == MIN) or r / x ~= y then overflow("product") end
  end
  return (Value(r))
end

function mt.__div(a, b)
  if (type(a) == "cdata" and istype(Decimal, a)) or (type(b) == "cdata" and istype(Decimal, b)) then return (exact.__div(a, b)) end
  local x, y = raw(a, "quotient"), raw(b, "quotient")
  if y == 0 then problem.raise("OVERFLOW", "an int64 divided by zero") end
  if x == MIN and y == -1 then overflow("quotient") end
  local r = x / y
  if r * y ~= x then
    problem.raise("USER_CODE", ("the quotient of %s and %s has a fraction"):format(tostring(a), tostring(b)),
      "tonumber(e.field) calculates with doubles; a - a % b divides exactly")
  end
  return (Value(r))
end

-- As Lua's %: the result has the sign of the divisor.
function mt.__mod(a, b)
  local x, y = raw(a, "remainder"), raw(b, "remainder")
  if y == 0 then problem.raise("OVERFLOW", "an int64 modulo zero") end
  if y == -1 then return (Value(0)) end
  local r = x % y
  if r ~= 0 and (r < 0) ~= (y < 0) then r = r + y end
  return (Value(r))
end

function mt.__pow(a, b)
  problem.raise("USER_CODE", ("%s ^ %s: powers of int64 values are not exact"):format(tostring(a), tostring(b)),
    "tonumber(e.field) calculates with doubles")
end

function mt.__unm(a)
  local x = a.value
  if x == MIN then overflow("negation", int64.text(a)) end
  return (Value(-x))
end

-- -1, 0, 1; nil when one is NaN. Exact for every double.
local function compare(a, b)
  if type(b) == "number" then
    if b ~= b then return nil end
    if b >= LIMIT then return -1 end
    if b < -LIMIT then return 1 end
    local x, whole = a.value, floor(b)
    local y = ffi.cast(Raw, whole)
    if x < y then return -1 end
    if x > y then return 1 end
    return whole == b and 0 or -1
  end
  local x, y = a.value, istype(Raw, b) and b or b.value
  if x < y then return -1 end
  return x > y and 1 or 0
end

local function is_comparable(v)
  return type(v) == "number" or (type(v) == "cdata" and (istype(Value, v) or istype(Raw, v)))
end

local function ordered(a, b)
  local left = type(a) == "cdata" and istype(Value, a)
  local other
  if left then other = b else other = a end
  if not is_comparable(other) then refuse("comparison", other) end
  if left then return (compare(a, b)) end
  local c = compare(b, a)
  return c and -c
end

function mt.__eq(a, b)
  if type(b) == "nil" or type(a) == "nil" then return false end -- what nearly all are compared with
  if (type(a) == "cdata" and istype(Decimal, a)) or (type(b) == "cdata" and istype(Decimal, b)) then return (exact.__eq(a, b)) end
  if not (type(a) == "cdata" and istype(Value, a)) then a, b = b, a end
  if is_comparable(b) then return compare(a, b) == 0 end
  if type(b) == "cdata" and istype(Unsigned, b) then refuse("comparison", b) end -- 5ULL: silence would be wrong
  return false
end

function mt.__lt(a, b)
  if (type(a) == "cdata" and istype(Decimal, a)) or (type(b) == "cdata" and istype(Decimal, b)) then return (exact.__lt(a, b)) end
  local c = ordered(a, b)
  return c ~= nil and c < 0
end

function mt.__le(a, b)
  if (type(a) == "cdata" and istype(Decimal, a)) or (type(b) == "cdata" and istype(Decimal, b)) then return (exact.__le(a, b)) end
  local c = ordered(a, b)
  return c ~= nil and c <= 0
end

function int64.text(value)
  return tostring(value.value):sub(1, -3) -- without LuaJIT's LL
end

mt.__tostring = int64.text

local function part(value, other)
  if type(value) == "string" or type(value) == "number" then return value end
  if type(value) == "cdata" and istype(Value, value) then return int64.text(value) end
  if other and type(value) == "cdata" then return (tostring(value)) end
  problem.raise("USER_CODE", "a text and " .. problem.show(value) .. " cannot be joined with ..",
    value == nil and 'a null field is nil: use (e.field or "")' or nil)
end

function mt.__concat(a, b) return part(a, true) .. part(b, true) end

local methods = {}
function methods.tonumber(value) return (tonumber(value.value)) end

function mt.__index(_, name)
  local m = methods[name]
  if m == nil then
    problem.raise("USER_CODE", ("an int64 has no field or method %s"):format(problem.show(name)),
      "it has :tonumber(); tostring(value) is its text")
  end
  return m
end

function mt.__newindex() problem.raise("USER_CODE", "an int64 cannot be changed") end

int64.operators = mt
if is_new then ffi.metatype("struct tm_int64_value", mt) end

---From digits, for specs: int64.parse("-9007199254740993").
function int64.parse(text)
  local sign, digits = text:match("^([+-]?)(%d+)$")
  if not digits then return nil end
  local v = 0LL
  for d in digits:gmatch("%d") do v = v * 10LL - tonumber(d) end
  if sign ~= "-" then v = -v end
  return (Value(v))
end

return int64
