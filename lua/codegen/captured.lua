-- Which captured variables of a function keep their value while rows run. What the analysis concludes from a value (which
-- functions are called, what a column is compared with) is then true of every row. LuaJIT notes in the bytecode which local
-- variables are never assigned; of others the names tell, which functions of the file assign.
local opcodes = require "codegen.opcodes"
local texts = require "codegen.texts"
local util = require "jit.util"

local captured = {}

local IMMUTABLE = 0x4000 -- PROTO_UV_IMMUTABLE of lj_obj.h

local function uleb(s, p)
  local value, factor = 0, 1
  while true do
    local byte = s:byte(p)
    p = p + 1
    value = value + byte % 128 * factor
    if byte < 128 then return value, p end
    factor = factor * 128
  end
end

-- The flags of a function's upvalues, from its dump (lj_bcdump.h): a head, then prototypes with their sizes in front, the
-- function's own last.
local function flags_of(fn)
  local dump, last = string.dump(fn, true), nil
  local _, p = uleb(dump, 5)
  while true do
    local size, from = uleb(dump, p)
    if size == 0 then break end
    last, p = from, from + size
  end
  local count = dump:byte(last + 3)
  _, p = uleb(dump, last + 4)
  _, p = uleb(dump, p)
  local instructions, variables = uleb(dump, p)
  p = variables + 4 * instructions
  local flags = {}
  for i = 1, count do flags[i] = dump:byte(p + 2 * i - 2) + 256 * dump:byte(p + 2 * i - 1) end
  return flags
end

local function is_immutable(flags, i) return flags[i] ~= nil and bit.band(flags[i], IMMUTABLE) ~= 0 end

-- Is the dump of this LuaJIT as it is read here? If not, nothing is immutable.
local understood = pcall(function()
  local one, two, three = 1, 2, 3
  local function sample() return one, two, three, function() return one end end
  two = 4
  local function set() three = two end
  local flags = flags_of(sample)
  assert(set and is_immutable(flags, 1) and not is_immutable(flags, 2) and not is_immutable(flags, 3))
end)

-- Names of captured variables that functions of a file assign.
local function assigned_in(proto, names)
  for _, i in ipairs(opcodes.decode(proto) or {}) do
    if i.op == "FNEW" then
      assigned_in(opcodes.constant(proto, i.d), names)
    elseif i.op:find("^USET") then
      names[util.funcuvname(proto, i.a) or "?"] = true
    end
  end
  return names
end

local by_file, by_function = setmetatable({}, { __mode = "k" }), setmetatable({}, { __mode = "k" })

---Does captured variable `index` (from 0) of the function keep its value while rows run? "always"; "now": unless the script
---assigns it before it ends; nil: it may change.
---@return string?
function captured.keeps(fn, index)
  local flags = by_function[fn]
  if not flags then
    flags = understood and flags_of(fn) or {}
    by_function[fn] = flags
  end
  if is_immutable(flags, index + 1) then return "always" end
  local file = texts.of(fn)
  if opcodes.unknown then return nil end
  if not file then return not texts.is_job(fn) and "now" or nil end
  by_file[file] = by_file[file] or assigned_in(file.main, {})
  return not by_file[file][util.funcuvname(fn, index) or "?"] and "now" or nil
end

---Has one of these values changed since?
---@param list table[] { fn =, index = from 0, value = }
function captured.changed(list)
  for _, c in ipairs(list) do
    local _, value = debug.getupvalue(c.fn, c.index + 1)
    if not rawequal(value, c.value) then return true end
  end
  return false
end

return captured
