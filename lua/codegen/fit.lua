-- Conversions of values from user code to the representation of exact columns. Nil when a value does not fit.
local ffi = require "ffi.init"
local codes = require "tidemill.codes"
local decimal = require "codegen.decimal"
local int64 = require "codegen.int64"

local fit = {}

local istype, cast = ffi.istype, ffi.cast
local Int = ffi.typeof("int64_t")
local Decimal, Int64 = decimal.type, int64.type
local scratch = decimal.scratch
local arshift = bit.arshift
local type, floor = type, math.floor
local C = ffi.C

-- 10^p as int64 for the precisions that fit
local POWERS = ffi.new("int64_t[19]")
POWERS[0] = 1
for p = 1, 18 do POWERS[p] = POWERS[p - 1] * 10 end

local Bytes, Words = ffi.typeof("const uint8_t *"), ffi.typeof("const uint64_t *")
local HIGH = 0x8080808080808080ULL
local band, bor, rshift = bit.band, bit.bor, bit.rshift

---Is the string UTF-8? For compiled code: most texts are short and ASCII, which few words tell. Before a string of less than
---8 bytes there is the header of its object.
function fit.is_utf8(text)
  local n = #text
  if n == 0 then return true end
  if n <= 32 then
    local p = cast(Bytes, text)
    local word = cast(Words, p + (n - 8))[0]
    if n < 8 then
      word = rshift(word, 64 - 8 * n)
    else
      word = bor(word, cast(Words, p)[0])
      if n > 16 then word = bor(word, cast(Words, p + 8)[0], cast(Words, p + (n - 16))[0]) end
    end
    if band(word, HIGH) == 0 then return true end
  end
  return C.tm_row_is_text(text, n) ~= 0
end

---The same for code that is interpreted, where 64-bit words are objects and a call costs less.
function fit.is_utf8_called(text) return C.tm_row_is_text(text, #text) ~= 0 end

---A decimal with this scale and at most this many digits, of the same value. Numbers enter through their shortest text.
---@return ffi.cdata*? nil: it has none
---@return integer? code TM_E_BAD_NUMBER where it is for digits behind the scale alone
function fit.decimal(value, precision, scale)
  if type(value) == "number" then
    value = decimal.make(value)
    if value == nil then return nil end
  end
  if type(value) ~= "cdata" then return nil end
  if not istype(Decimal, value) then
    value = decimal.whole(value)
    if value == nil then return nil end
  end
  if value.scale == scale then
    if precision <= 18 then
      local low = cast(Int, value.low)
      if value.high == arshift(low, 63) and low < POWERS[precision] and low > -POWERS[precision] then return value end
    elseif precision == 38 then
      return value
    end
  end
  local rc = C.tm_decimal_value_fit(value, precision, scale, scratch)
  if rc ~= 0 then return nil, rc end
  return Decimal(scratch.low, scratch.high, scale)
end

---What a number has too much of for a decimal type, when that is digits behind the point, and what to do.
---@return string? why
---@return string? hint
function fit.misfit(type_name, value)
  local precision, scale = type_name:match("^decimal%((%d+),(%d+)%)")
  local fitted, rc = fit.decimal(value, tonumber(precision), tonumber(scale))
  local is_tiny = type(value) == "number" and value < 1 and value > -1
  if fitted ~= nil or not (rc == codes.BAD_NUMBER or is_tiny) then return nil end
  return ("more than %s digit%s behind the point"):format(scale, scale == "1" and "" or "s"),
    ("tm.number.round(value, %s) rounds half up; a type with more digits there keeps them"):format(scale)
end

function fit.int64(value)
  if type(value) == "number" then
    if floor(value) ~= value or value >= 2 ^ 63 or value < -2 ^ 63 then return nil end
    return Int64(cast(Int, value))
  end
  if type(value) ~= "cdata" then return nil end
  if istype(Int64, value) then return value end
  if istype(Int, value) then return Int64(value) end
  return nil
end

local null
do
  local found, value = pcall(require, "tidemill.null")
  null = found and value or {}
end

local layout = require "ffi.layout"

---Any value for a column, as generated code checks it. A nil is returned for null.
---@param field table of a schema, its type known
--- A nested or any value is given as stored bytes; what does not fit in it is raised.
---@return boolean fits
---@return any value
function fit.value(field, value)
  if value == null then value = nil end
  if value == nil then return not field.required, nil end
  local kind, precision, scale = layout.parse_type(field.type)
  if layout.is_view(field.type) then
    local rows = require "codegen.rows"
    if rows.is_stored(value) then return value.type == field.type, value end
    local view = require("codegen.nest").encoders[field.type](value, field.name)
    return true, view and rows.stored(field.type, require("codegen.views").bytes(view))
  end
  local t = type(value)
  if kind == "double" then return t == "number", value end
  if kind == "bool" then return t == "boolean", value end
  if kind == "bytes" then return t == "string", value end
  if kind == "string" then return t == "string" and fit.is_utf8_called(value), value end
  if kind == "int" then -- see take.lua
    return t == "number" and floor(value) == value and value < 2 ^ 53 and value > -2 ^ 53, value
  end
  if kind == "timestamp" then
    return t == "number" and floor(value) == value and value <= 2 ^ 53 and value >= -2 ^ 53, value
  end
  if kind == "decimal" then value = fit.decimal(value, precision, scale) else value = fit.int64(value) end
  return value ~= nil, value
end

---The type of a column by the first value that it gets; nil when no column can hold it.
function fit.type_of(value)
  local t = type(value)
  if t == "number" then return "double" end
  if t == "string" then return "string" end
  if t == "boolean" then return "bool" end
  if t == "table" then return "any" end
  if t == "cdata" then
    local tree = require("codegen.views").type_of(value)
    if tree then return tree.text end
    if require("codegen.records").is(value) then return "any" end
    if istype(Decimal, value) then return ("decimal(38,%d)"):format(value.scale) end
    if istype(Int64, value) or istype(Int, value) then return "int64" end
  end
end

return fit
