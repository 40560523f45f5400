-- Values of type any as user code sees them: what is no container is a Lua value, arrays and maps are views (views.lua). Walking
-- msgpack is C's; a walk over all parts remembers where it stands, so that it costs what the bytes cost.
local ffi = require "ffi.init"
local int64 = require "codegen.int64"
local decimal = require "codegen.decimal"

local any = {}

local C, cast = ffi.C, ffi.cast
local bytes = ffi.typeof("const uint8_t *")
local Int = ffi.typeof("int64_t")

-- enum tm_any_kind of core/batch/any.h
local NIL, BOOL, INT, UINT, DOUBLE, STRING, BINARY, ARRAY, MAP, DECIMAL = 1, 2, 3, 4, 5, 6, 7, 8, 9, 11

-- One of each is under way at a time: nothing below calls user code.
local item = ffi.new("struct tm_any_item")
local whole = ffi.new("struct tm_any_item")

local function views() return require "codegen.views" end

local view -- ctype

local ARRAY_MARK = { __metatable = "array" }

---Marks a table as an array, also when it is empty.
function any.array(t) return setmetatable(t, ARRAY_MARK) end
function any.is_array(t) return getmetatable(t) == "array" end

-- msgpack's own extension for times: seconds, or nanoseconds and seconds (type -1); as ms. Others are their bytes.
local function extension(e)
  local p, n = e.bytes, e.count
  if p[0] ~= 0xff or (n ~= 5 and n ~= 9 and n ~= 13) then return ffi.string(p, n) end
  local function big(from, count)
    local v = 0
    for i = from, from + count - 1 do v = v * 256 + p[i] end
    return v
  end
  if n == 5 then return big(1, 4) * 1000 end
  if n == 9 then
    local nanoseconds = math.floor(big(1, 4) / 4)
    return (big(1, 4) % 4 * 4294967296 + big(5, 4)) * 1000 + math.floor(nanoseconds / 1e6)
  end
  local high = big(5, 4)
  if high >= 2147483648 then high = high - 4294967296 end
  return (high * 4294967296 + big(9, 4)) * 1000 + math.floor(big(1, 4) / 1e6)
end

-- The Lua value of an item that C has read.
local function value_of(e, row)
  local kind = e.kind
  if kind == STRING then return ffi.string(e.bytes, e.count) end
  if kind == INT then
    local n = e.number
    if n < 9007199254740992 and n > -9007199254740992 then return n end
    if e.integer == 9007199254740992LL or e.integer == -9007199254740992LL then return n end -- 2^53 + 1 has the same double
    return int64.type(e.integer)
  end
  if kind == DOUBLE then return e.number end
  if kind == BOOL then return e.integer ~= 0 end
  if kind == ARRAY or kind == MAP then return view(cast(Int, e.at), row, tonumber(e["end"] - e.at)) end
  if kind == UINT then return decimal.type(e.integer, 0, 0) end
  if kind == DECIMAL then return decimal.read(e.bytes, e.count) end
  if kind == BINARY then return ffi.string(e.bytes, e.count) end
  if kind == NIL then return nil end
  return extension(e)
end

---The Lua value of the msgpack at this address.
---@param at ffi.cdata* int64_t
function any.value(at, row, length)
  view = view or views().of("any")
  local p = cast(bytes, at)
  if C.tm_any_item_read(p, p + length, item) == 0 then return nil end
  return (value_of(item, row))
end

-- How far a walk has come: the container, of how many parts the last is behind it, and where the next begins.
local cursor = ffi.new("struct { int64_t container; double row; int32_t index; const uint8_t *next; }")
local cursor_key

local function open(v)
  local p = cast(bytes, v["\254"])
  C.tm_any_item_read(p, p + v["\253"], whole)
end

---@param tree tidemill.type
---@param ctype ffi.ctype*
function any.functions(tree, ctype)
  local clock, stale, copy = views().clock, views().stale, views().copy
  view = ctype

  local function check(v) if v["\255"] ~= clock.row then stale() end end

  -- The part with this number, from 0, of the array in `whole`, into `item`.
  local function array_item(v, i)
    local p, from = whole.next, 0
    if cursor.container == v["\254"] and cursor.row == v["\255"] and cursor.index <= i then p, from = cursor.next, cursor.index end
    for _ = from, i do
      if C.tm_any_item_read(p, whole["end"], item) == 0 then return false end
      p = item["end"]
    end
    cursor.container, cursor.row, cursor.index, cursor.next = v["\254"], v["\255"], i + 1, p
    cursor_key = nil
    return true
  end

  local function index(v, k)
    check(v)
    open(v)
    if whole.kind == ARRAY then
      if type(k) ~= "number" then
        if k == "copy" then return copy end
        return nil
      end
      if k < 1 or k > whole.count or k ~= math.floor(k) or not array_item(v, k - 1) then return nil end
      return (value_of(item, v["\255"]))
    end
    local there = 0
    if type(k) == "string" then there = C.tm_any_item_find(whole, k, #k, item)
    elseif type(k) == "number" then there = C.tm_any_item_find_number(whole, k, item) end
    if there ~= 0 then return (value_of(item, v["\255"])) end
    if k == "copy" then return copy end
    return nil
  end

  local function length(v)
    check(v)
    open(v)
    return whole.count
  end

  local function next_item(v, i)
    check(v)
    open(v)
    if whole.kind ~= ARRAY then
      require("codegen.problem").raise("USER_CODE", "ipairs takes a list, given a map", "pairs walks over it")
    end
    if i < whole.count and array_item(v, i) then return i + 1, (value_of(item, v["\255"])) end
  end

  -- Reads the pair behind `p`: its key, and its value into `item`.
  local function read_pair(v, p, i)
    if i >= whole.count or C.tm_any_item_read(p, whole["end"], item) == 0 then return nil end
    local key = value_of(item, v["\255"])
    if C.tm_any_item_read(item["end"], whole["end"], item) == 0 then return nil end
    cursor.container, cursor.row, cursor.index, cursor.next = v["\254"], v["\255"], i + 1, item["end"]
    if key == nil then key = require "tidemill.null" end -- pairs ends at nil
    cursor_key = key
    return key
  end

  local function next_part(v, k)
    check(v)
    open(v)
    if whole.kind == ARRAY then return next_item(v, k or 0) end
    local p, i = whole.next, 0
    if k ~= nil then
      if cursor.container == v["\254"] and cursor.row == v["\255"] and rawequal(cursor_key, k) then
        p, i = cursor.next, cursor.index
      else
        local key
        repeat
          key = read_pair(v, p, i)
          p, i = cursor.next, cursor.index
        until key == nil or key == k
      end
    end
    local key = read_pair(v, p, i)
    if key ~= nil then return key, (value_of(item, v["\255"])) end
  end

  local function is_array(v)
    open(v)
    return whole.kind == ARRAY
  end

  return { index = index, length = length, next = next_part, next_item = next_item, is_array = is_array, first = nil, tree = tree }
end

return any
