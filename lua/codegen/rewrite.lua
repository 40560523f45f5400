-- A copy of a Lua function with some instructions replaced: through the form in which LuaJIT dumps functions
-- (string.dump), with constants added in front of the others. Whatever is not as expected gives no copy.
local opcodes = require "codegen.opcodes"
local util = require "jit.util"

local rewrite = {}

local dump, loadstring = string.dump, loadstring
local band, rshift = bit.band, bit.rshift

local CONSTANTS_MAX = 256 -- that an operand of 8 bits can name

-- A number in groups of seven bits at `at`, and where it ends.
local function read_number(text, at)
  local value, factor = 0, 1
  while true do
    local byte = text:byte(at)
    if not byte then return nil end
    value, at = value + byte % 128 * factor, at + 1
    if byte < 128 then return value, at end
    factor = factor * 128
  end
end

local function number(value)
  local bytes = {}
  while value >= 128 do
    bytes[#bytes + 1] = string.char(value % 128 + 128)
    value = math.floor(value / 128)
  end
  bytes[#bytes + 1] = string.char(value)
  return table.concat(bytes)
end

local HAS_NAMES_NOT = 2 -- flag of a dump without debug information

-- Where the parts of a dumped function begin: the one function in it.
local function layout_of(text)
  if text:sub(1, 3) ~= "\27LJ" then return nil end
  local flags, at = read_number(text, 5)
  if not flags or band(flags, HAS_NAMES_NOT) ~= 0 then return nil end
  local length
  length, at = read_number(text, at)
  at = at + length
  local l = { size_at = at }
  l.size, at = read_number(text, at)
  l.begin = at
  l.past = at + l.size
  if text:sub(l.past) ~= "\0" then return nil end -- functions within it
  at = at + 4 -- flags, parameters, frame, upvalues
  l.upvalues = text:byte(at - 1)
  l.constants_at = at
  l.constants, at = read_number(text, at)
  l.numbers_at = at
  local _
  _, at = read_number(text, at)
  l.count, at = read_number(text, at)
  local debug_bytes
  debug_bytes, at = read_number(text, at)
  if debug_bytes > 0 then
    _, at = read_number(text, at)
    _, at = read_number(text, at)
  end
  l.code = at
  l.values = at + 4 * l.count + 2 * l.upvalues
  return l
end

local function instruction(edit, names)
  local op = opcodes.number_of(edit.op)
  if edit.key then return string.char(op, edit.a, names[edit.key], edit.b) end
  return string.char(op, edit.a, band(edit.d, 255), rshift(edit.d, 8))
end

---@param fn function of Lua, that makes no closures
---@param edits table<integer, table> instruction -> { op =, a =, d = } or { op =, a =, b =, key = text }
---@return function?
function rewrite.copy(fn, edits)
  local text = dump(fn)
  local l = layout_of(text)
  if not l or l.count ~= util.funcinfo(fn).bytecodes - 1 then return nil end
  local names, added, count = {}, {}, 0
  for pc = 1, l.count do
    local key = edits[pc] and edits[pc].key
    if key and not names[key] then
      names[key] = l.constants + count
      count = count + 1
      table.insert(added, 1, number(5 + #key) .. key) -- they are dumped last first
    end
  end
  if l.constants + count > CONSTANTS_MAX then return nil end
  local code = {}
  for pc = 1, l.count do
    local at = l.code + 4 * (pc - 1)
    code[pc] = edits[pc] and instruction(edits[pc], names) or text:sub(at, at + 3)
  end
  local body = text:sub(l.begin, l.constants_at - 1) .. number(l.constants + count) .. text:sub(l.numbers_at, l.code - 1)
    .. table.concat(code) .. text:sub(l.code + 4 * l.count, l.values - 1) .. table.concat(added) .. text:sub(l.values, l.past - 1)
  local copy = loadstring(text:sub(1, l.size_at - 1) .. number(#body) .. body .. "\0")
  if not copy then return nil end
  for i = 1, l.upvalues do debug.upvaluejoin(copy, i, fn, i) end
  return setfenv(copy, getfenv(fn))
end

return rewrite
