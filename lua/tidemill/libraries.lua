-- The standard libraries as job code sees them (ARCHITECTURE D11, D12): the same functions minus every door out of the
-- sandbox and every source of an order or an address that differs between runs.
local clock = require "tidemill.clock"
local fault = require "tidemill.fault"
local freeze = require "tidemill.freeze"
local place = require "tidemill.place"
local random = require "tidemill.random"

local libraries = {}

local type, select, tostring, getmetatable, rawget, next = type, select, tostring, getmetatable, rawget, next
local raw_setmetatable, raw_pairs = setmetatable, pairs
local find = string.find

local function refuse(message, hint) fault.raise("SANDBOX", place.here(), message, hint) end

-- Objects with a locked metatable are ours (freeze), or the job locked them itself: raw access would go around the
-- lock.
local function locked(t) return type(t) == "table" and getmetatable(t) == false end

-- Addresses differ between runs and are pointers: a table prints as "table".
local function to_text(v)
  local t = type(v)
  if t == "string" then return v end
  if t == "table" then
    local mt = debug.getmetatable(v)
    if not (mt and rawget(mt, "__tostring")) then return "table" end
    return tostring(v)
  end
  if t == "function" or t == "thread" or t == "userdata" then return t end
  local text = tostring(v)
  if t == "cdata" and text:sub(1, 6) == "cdata<" then return (text:gsub(": 0x%x+$", "")) end
  return text
end
libraries.tostring = to_text

-- string.format gives addresses through %p, and through %s of what has no text of its own. Formats are nearly always
-- constants, so their check is remembered (bounded); arguments are looked at without a loop, so that traces stay whole.
local checked, checked_count = {}, 0
local function check_format(text)
  if type(text) == "string" and find(text, "p", 1, true) and find(text:gsub("%%%%", ""), "%%[%-%+ #0]*%d*%.?%d*p") then
    refuse("string.format: %p gives an address, which a job script cannot see")
  end
  if checked_count >= 256 then checked, checked_count = {}, 0 end
  checked[text], checked_count = true, checked_count + 1
end

local function opaque(v)
  local t = type(v)
  return t == "table" or t == "function" or t == "thread" or t == "userdata"
end

local raw_format = string.format
local function format(text, ...)
  if text ~= nil and not checked[text] then check_format(text) end
  local n = select("#", ...)
  if n <= 4 then
    local a, b, c, d = ...
    if not (opaque(a) or opaque(b) or opaque(c) or opaque(d)) then return raw_format(text, ...) end
  end
  local args = { ... }
  for i = 1, n do if opaque(args[i]) then args[i] = to_text(args[i]) end end
  return raw_format(text, unpack(args, 1, n))
end

libraries.string = {}
for _, name in ipairs { "byte", "char", "find", "gmatch", "gsub", "len", "lower", "match", "rep", "reverse", "sub",
  "upper" } do libraries.string[name] = string[name] end
libraries.string.format = format

---Locks the metatable that all strings of this lua_State share: ("x"):dump() and getmetatable("") must lead nowhere.
---The engine's own ("x"):method() calls go on working. Called by the host; never by specs, whose runner shares the
---state.
function libraries.seal_strings()
  local mt = debug.getmetatable("")
  local methods = {}
  for k, v in raw_pairs(libraries.string) do methods[k] = v end
  mt.__index = methods
  mt.__metatable = false
end

local function writable(what, t)
  if locked(t) then refuse(("%s: this table is read-only"):format(what)) end
end

libraries.table = { concat = table.concat, maxn = table.maxn, move = table.move, unpack = unpack }
local raw_insert, raw_remove, raw_sort = table.insert, table.remove, table.sort
function libraries.table.insert(t, ...)
  if locked(t) then writable("table.insert", t) end
  return raw_insert(t, ...)
end
function libraries.table.remove(t, ...)
  if locked(t) then writable("table.remove", t) end
  return raw_remove(t, ...)
end
function libraries.table.sort(t, ...)
  if locked(t) then writable("table.sort", t) end
  return raw_sort(t, ...)
end

libraries.math = {}
for k, v in raw_pairs(math) do libraries.math[k] = v end
libraries.math.random, libraries.math.randomseed = random.random, random.seed

libraries.bit = {}
for k, v in raw_pairs(require "bit") do libraries.bit[k] = v end

libraries.os = {
  time = clock.time, date = clock.date, clock = clock.clock,
  difftime = function(a, b) return a - b end,
}

-- pairs in an order that depends on the keys alone: 1..#t, other numbers ascending, then strings bytewise.
local function ordered_keys(t)
  local keys, numbers, strings = {}, {}, {}
  local n = #t
  for i = 1, n do keys[i] = i end
  for k in next, t do
    local kind = type(k)
    if kind == "number" then
      if not (k >= 1 and k <= n and k % 1 == 0) then numbers[#numbers + 1] = k end
    elseif kind == "string" then
      strings[#strings + 1] = k
    else
      refuse(("pairs: a key is %s; only numbers and texts have an order"):format(kind == "boolean" and to_text(k)
        or "a " .. kind), "use a number or a text as the key")
    end
  end
  raw_sort(numbers)
  raw_sort(strings)
  for i = 1, #numbers do keys[#keys + 1] = numbers[i] end
  for i = 1, #strings do keys[#keys + 1] = strings[i] end
  return keys
end

local function step(walk)
  local keys, t, i = walk.keys, walk.t, walk.i
  local n = #keys
  while i < n do
    i = i + 1
    local k = keys[i]
    local v = rawget(t, k)
    if v ~= nil then
      walk.i = i
      return k, v
    end
  end
  walk.i = i
end

-- Records, and the lists, maps and structs in them, know their own order. Loaded late: they stand on this file.
local codegen
local function generator()
  codegen = codegen or require "codegen"
  return codegen
end

local raw_ipairs = ipairs
function libraries.ipairs(t)
  if type(t) == "cdata" then return generator().ipairs(t) end
  return raw_ipairs(t)
end

function libraries.pairs(t)
  if type(t) ~= "table" then
    if type(t) == "cdata" then return generator().pairs(t) end
    error(("bad argument #1 to 'pairs' (table expected, got %s)"):format(t == nil and "nil" or type(t)), 2)
  end
  local content = freeze.content(t)
  if content then
    if freeze.kind(t) ~= "table" then content = {} end -- opaque objects show nothing
    t = content
  end
  return step, { t = t, keys = ordered_keys(t), i = 0 }, nil
end

-- next(t) tests for emptiness. What it returns is the first key that pairs would visit; next(t, k) would walk in the
-- order of the hash and is refused.
function libraries.next(t, k)
  if k ~= nil then
    refuse("next(t, key) walks in an order that differs between runs",
      "use pairs(t); next(t) alone tests for emptiness")
  end
  if type(t) ~= "table" then
    error(("bad argument #1 to 'next' (table expected, got %s)"):format(t == nil and "nil" or type(t)), 2)
  end
  local content = freeze.content(t)
  if content then t = freeze.kind(t) == "table" and content or {} end
  if t[1] ~= nil then return 1, rawget(t, 1) end
  if next(t) == nil then return nil end
  local key = ordered_keys(t)[1]
  return key, rawget(t, key)
end

function libraries.getmetatable(v)
  if type(v) ~= "table" then return nil end
  local mt = getmetatable(v)
  if mt == false then return nil end
  return mt
end

function libraries.setmetatable(t, mt)
  if type(t) ~= "table" then
    error(("bad argument #1 to 'setmetatable' (table expected, got %s)"):format(t == nil and "nil" or type(t)), 2)
  end
  writable("setmetatable", t)
  if type(mt) == "table" then
    writable("setmetatable", mt)
    if rawget(mt, "__mode") ~= nil then
      refuse("setmetatable: __mode makes results depend on when memory is collected")
    end
    if rawget(mt, "__gc") ~= nil then refuse("setmetatable: __gc is not allowed") end
  end
  return raw_setmetatable(t, mt)
end

function libraries.rawget(t, k)
  if locked(t) then return t[k] end
  return rawget(t, k)
end

function libraries.rawset(t, k, v)
  writable("rawset", t)
  return rawset(t, k, v)
end

return libraries
