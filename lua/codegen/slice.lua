-- A text of the row under way that is no Lua string yet. Where the analysis of a function shows that a text goes nowhere but
-- into functions that take slices and into columns of the row that the function gives, no string is made of it: making and
-- collecting strings is what such functions would mostly do (docs/internals/decisions.md).
--
-- A slice is a number: where the text begins, counted from the start of the row, and how long it is. A number costs nothing to
-- hold in a table that a function returns, where any object would have to be made. It means something only while a function
-- runs whose step has opened a scope; there, functions of ours take a number where they take a text. The analysis
-- (bytecode.lua) sees to it that nothing else meets one: not user code, not an operator, not the next row.
local ffi = require "ffi.init"

local slice = {}

local SHIFT = 2 ^ 26 -- a row has at most 64 MB, so both fit
local Chars, Int = ffi.typeof("const char *"), ffi.typeof("int64_t")
local cast, to_string, type, tonumber, floor, tobit = ffi.cast, ffi.string, type, tonumber, math.floor, bit.tobit

-- The row that slices are of. By value: the trace compiler knows its address.
local base = ffi.new("struct { const char *row; int32_t size; }")
slice.base = base

---`strings`: false where there are no slices, else the names of groups whose texts must be strings all the same.
---@type { strings: table<string, boolean>|false }
slice.scope = { strings = false }
local scope = slice.scope

---@param row ffi.cdata* pointer to the row
---@param size integer its bytes
---@param offset integer
---@param length integer
---@return number
function slice.make(row, size, offset, length)
  base.row, base.size = cast(Chars, row), size
  return offset * SHIFT + length
end

---Begins a row of which slices are made by `at`.
function slice.of_row(row, size) base.row, base.size = cast(Chars, row), size end

---A slice of bytes that lie in that row.
---@param p ffi.cdata* pointer
---@param length integer
---@return number
function slice.at(p, length) return tonumber(cast(Int, p) - cast(Int, base.row)) * SHIFT + length end

local function outside() error("tidemill: a slice that is none") end

---@return ffi.cdata* at const char *
---@return integer n
function slice.unpack(s)
  local offset = floor(s / SHIFT)
  local n = tobit(s - offset * SHIFT)
  offset = tobit(offset)
  if offset < 0 or n < 0 or offset + n > base.size then outside() end
  return base.row + offset, n
end
local unpack = slice.unpack

---A part of a slice: the bytes from (from 0) to (behind the last).
function slice.part(s, from, to) return (floor(s / SHIFT) + from) * SHIFT + (to - from) end

---Is it a slice, and not a number?
function slice.is(value) return type(value) == "number" and scope.strings ~= false end

---The string of a slice; other values as they are.
function slice.text(value)
  if type(value) ~= "number" or scope.strings == false then return value end
  local at, n = unpack(value)
  return to_string(at, n)
end

---The string of a slice that a function has given, when its scope is closed.
function slice.given_text(value)
  if type(value) ~= "number" then return value end
  local at, n = unpack(value)
  return to_string(at, n)
end

return slice
