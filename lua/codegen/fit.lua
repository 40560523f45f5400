-- Conversions of values from user code to the representation of exact columns. Nil when a value does not fit.
local ffi = require "ffi.init"
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

---A decimal with this scale and at most this many digits, half up. Numbers enter through their shortest text.
function fit.decimal(value, precision, scale)
  if type(value) == "number" then
    value = decimal.make(value)
    if value == nil then return nil end
  end
  if not (type(value) == "cdata" and istype(Decimal, value)) then return nil end
  if value.scale == scale then
    if precision <= 18 then
      local low = cast(Int, value.low)
      if value.high == arshift(low, 63) and low < POWERS[precision] and low > -POWERS[precision] then return value end
    elseif precision == 38 then
      return value
    end
  end
  if C.tm_decimal_value_rescale(value, precision, scale, scratch) ~= 0 then return nil end
  return Decimal(scratch.low, scratch.high, scale)
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
