-- Writing values of type any: Lua values as msgpack, into the arena. A table is an array when its keys are whole numbers from 1,
-- as list.lua says, or it is marked by tm.array; else a map, its keys in the order of pairs: numbers ascending, then texts
-- bytewise. An empty table is a map.
local ffi = require "ffi.init"
local any = require "codegen.any"
local arena = require "codegen.arena"
local decimal = require "codegen.decimal"
local fit = require "codegen.fit"
local int64 = require "codegen.int64"
local list = require "codegen.list"
local records = require "codegen.records"
local views = require "codegen.views"

local any_writer = {}

local A = arena.state
local DEPTH_MAX = 128 -- TM_ANY_DEPTH_MAX

local null
do
  local found, value = pcall(require, "tidemill.null")
  null = found and value or {}
end

local double = ffi.new("double[1]")
local word = ffi.cast("uint64_t *", double)

local function byte(head)
  local at = arena.reserve(1)
  A.base[at] = head
end

-- A head and a number of 1, 2, 4 or 8 bytes, the most significant first.
local function put(head, value, count)
  local at = arena.reserve(1 + count)
  A.base[at] = head
  for i = count, 1, -1 do
    A.base[at + i] = value % 256
    value = math.floor(value / 256)
  end
end

local function put_word(head, bits)
  local at = arena.reserve(9)
  A.base[at] = head
  ffi.cast("uint64_t *", A.base + (at + 1))[0] = bit.bswap(bits)
end

local function integer(n)
  if n >= 0 then
    if n < 128 then return byte(n) end
    if n < 256 then return put(0xcc, n, 1) end
    if n < 65536 then return put(0xcd, n, 2) end
    if n < 4294967296 then return put(0xce, n, 4) end
  else
    if n >= -32 then return byte(256 + n) end
    if n >= -128 then return put(0xd0, 256 + n, 1) end
    if n >= -32768 then return put(0xd1, 65536 + n, 2) end
    if n >= -2147483648 then return put(0xd2, 4294967296 + n, 4) end
  end
  put_word(0xd3, ffi.cast("uint64_t", ffi.cast("int64_t", n)))
end

local function number(n)
  if n == math.floor(n) and n <= 9007199254740992 and n >= -9007199254740992 and (n ~= 0 or 1 / n > 0) then return integer(n) end
  double[0] = n
  put_word(0xcb, word[0])
end

local function length(n, fixed, fixed_max, one, two, four)
  if n <= fixed_max then return byte(fixed + n) end
  if one and n < 256 then return put(one, n, 1) end
  if n < 65536 then return put(two, n, 2) end
  put(four, n, 4)
end

-- Texts are UTF-8; other bytes are a binary.
local function text(s)
  if fit.is_utf8_called(s) then length(#s, 0xa0, 31, 0xd9, 0xda, 0xdb)
  elseif #s < 256 then put(0xc4, #s, 1)
  elseif #s < 65536 then put(0xc5, #s, 2)
  else put(0xc6, #s, 4) end
  arena.text(s)
end

-- Decimals are what core/batch/any.h says. A whole number that only 64 bits without a sign hold stays what it came as.
local function decimal_value(d)
  if d.scale == 0 and d.high == 0 and ffi.cast("int64_t", d.low) < 0 then return put_word(0xcf, d.low) end
  local s = decimal.text(d)
  byte(0xc1)
  byte(#s)
  arena.text(s)
end

local write

-- The keys of a table; nil for an array, and its length.
local function keys_of(t, bad)
  local n = list.length(t)
  if n > 0 or any.is_array(t) then return nil, n >= 0 and n or bad() end
  if n < 0 and list.is_numbered(t) then bad() end
  local numbers, texts = {}, {}
  for k in next, t do
    if type(k) == "number" then numbers[#numbers + 1] = k
    elseif type(k) == "string" then texts[#texts + 1] = k
    else bad() end
  end
  table.sort(numbers)
  table.sort(texts)
  for _, k in ipairs(texts) do numbers[#numbers + 1] = k end
  return numbers
end

local function write_table(t, bad, depth)
  local keys, n = keys_of(t, bad)
  if not keys then
    length(n, 0x90, 15, nil, 0xdc, 0xdd)
    for i = 1, n do write(t[i], bad, depth) end
    return
  end
  length(#keys, 0x80, 15, nil, 0xde, 0xdf)
  for _, k in ipairs(keys) do
    if type(k) == "string" then text(k) else number(k) end
    write(t[k], bad, depth)
  end
end

local function write_view(view, tree, bad, depth)
  if tree.kind == "any" then
    local at = arena.reserve(view[views.LENGTH])
    ffi.copy(A.base + at, ffi.cast("uint8_t *", view[views.AT]), view[views.LENGTH])
    return
  end
  if tree.kind == "list" then
    length(#view, 0x90, 15, nil, 0xdc, 0xdd)
    for i = 1, #view do write(view[i], bad, depth) end
    return
  end
  local entries = {}
  for k, v in views.pairs(view) do entries[#entries + 1] = { k, v } end
  length(#entries, 0x80, 15, nil, 0xde, 0xdf)
  for _, e in ipairs(entries) do
    write(e[1], bad, depth)
    write(e[2], bad, depth)
  end
end

function write(x, bad, depth)
  local t = type(x)
  if t == "string" then return text(x) end
  if t == "number" then return number(x) end
  if t == "boolean" then return byte(x and 0xc3 or 0xc2) end
  if x == nil or rawequal(x, null) then return byte(0xc0) end
  if depth >= DEPTH_MAX then bad() end
  if t == "table" then return write_table(x, bad, depth + 1) end
  if t ~= "cdata" then bad() end
  local tree = views.type_of(x)
  if tree then return write_view(views.check(x), tree, bad, depth + 1) end
  if int64.is(x) then return put_word(0xd3, ffi.cast("uint64_t", x.value)) end
  if decimal.is(x) then return decimal_value(x) end
  if records.is(x) then return write_table(records.copy(x), bad, depth + 1) end
  bad()
end

---Writes a value; gives its offset in the arena.
---@param bad fun() raises: something in it has no place in an any
function any_writer.write(x, bad)
  local at = A.used
  write(x, bad, 0)
  return at
end

return any_writer
