-- Jobs that a spec builds itself: what it calls of `tm` is recorded, not done, and goes to the states of the job as a text,
-- where tidemill/program.lua does it anew. Functions go as bytecode, with the values that they capture.
local json = require "kit.json"
local null = require "kit.null"
local trouble = require "kit.trouble"
local wire = require "kit.wire"

local program = {}

local records = setmetatable({}, { __mode = "k" }) -- by proxy: what it stands for
local calls = {} -- all of them, in order

local proxy

local function caller()
  for level = 3, 100 do
    local info = debug.getinfo(level, "Sl")
    if not info then return "", 0 end
    if info.what ~= "C" and not info.source:find("^=tidemill:kit") then
      return info.source:sub(1, 1) == "@" and info.source:sub(2) or "", math.max(info.currentline, 1)
    end
  end
end

local meta = {
  __index = function(self, name) return proxy { k = "get", of = self, name = name } end,
  __call = function(self, ...)
    local path, line = caller()
    local record = { k = "call", f = self, n = select("#", ...), path = path, line = line, seq = #calls + 1, ... }
    calls[record.seq] = record
    record.result = proxy(record)
    return record.result
  end,
  __newindex = function(_, name) trouble.wrong("ARGUMENT", ("what tm gives cannot be changed: %s"):format(tostring(name))) end,
  __tostring = function(self) return "tm " .. records[self].k end,
}

function proxy(record)
  local p = setmetatable({}, meta)
  records[p] = record
  return p
end

---Stands for tm itself; program.tm is the table that specs have.
program.root = proxy { k = "tm" }

---What is recorded of a job's builder: nil when the value is none of it.
function program.is(value) return type(value) == "table" and getmetatable(value) == meta end

---How many calls were recorded so far.
function program.mark() return #calls end

-- Functions of Lua's own libraries, by name: specs capture them, too.
local function libraries()
  local names = {}
  for name, value in pairs(_G) do
    if type(value) == "function" then names[value] = name end
  end
  for _, library in ipairs { "string", "table", "math", "os", "bit" } do
    for name, value in pairs(_G[library] or {}) do
      if type(value) == "function" then names[value] = library .. "." .. name end
    end
    if _G[library] then names[_G[library]] = library end
  end
  return names
end

-- The calls that belong to a job: those since `from`, what they need, and what is done with their results.
local function belonging(job, from)
  local list, seen = {}, {}
  local add
  local function need(value, depth)
    if program.is(value) then return add(records[value]) end
    if type(value) ~= "table" or seen[value] or depth > 50 then return end
    seen[value] = true
    for k, v in pairs(value) do
      need(k, depth + 1)
      need(v, depth + 1)
    end
  end
  function add(record)
    if seen[record] then return end
    seen[record] = true
    if record.k == "get" then return need(record.of, 0) end
    if record.k ~= "call" then return end
    list[#list + 1] = record
    need(record.f, 0)
    for i = 1, record.n do need(record[i], 0) end
  end
  need(job, 0)
  for i = from + 1, #calls do add(calls[i]) end
  for _, call in ipairs(calls) do -- what is called on a stream or a job that belongs to it
    local f = records[call.f]
    local on = f.k == "get" and records[f.of]
    if on and on.k == "call" and seen[on] then add(call) end
  end
  table.sort(list, function(a, b) return a.seq < b.seq end)
  return list
end

local function packer(what)
  local items, numbers, known = {}, {}, libraries()
  local pack

  local function item(value, make)
    local number = numbers[value]
    if not number then
      number = #items + 1
      numbers[value], items[number] = number, {}
      items[number] = make() or items[number]
    end
    return { number }
  end

  local function pack_function(fn)
    local number = #items
    local ok, code = pcall(string.dump, fn)
    if not ok then trouble.wrong("ARGUMENT", ("%s: a function of C cannot go into a job"):format(what)) end
    local ups, count = {}, 0
    while true do
      local name, value = debug.getupvalue(fn, count + 1)
      if not name then break end
      count = count + 1
      ups[count] = pack(value, "the captured variable '" .. name .. "'")
    end
    items[number] = { k = "fn", code = code, n = count, ups = ups }
  end

  function pack(value, where)
    local kind = type(value)
    if value == nil or kind == "boolean" or kind == "number" or kind == "string" then return value end
    if value == null then return { "null" } end
    if known[value] then return { "lib", known[value] } end
    if kind == "function" then return item(value, function() pack_function(value) end) end
    if program.is(value) then
      local record = records[value]
      if record.k == "tm" then return { "tm" } end
      return item(record, function()
        if record.k == "get" then return { k = "get", of = pack(record.of, where), name = record.name } end
        local args = {}
        for i = 1, record.n do args[i] = pack(record[i], where) end
        return { k = "call", f = pack(record.f, where), args = args, n = record.n, path = record.path, line = record.line,
          seq = record.seq }
      end)
    end
    if value == program.tm then return { "tm" } end
    if kind == "table" then
      return item(value, function()
        local t = { k = json.is_array(value) and "array" or "table", keys = {}, values = {} }
        items[numbers[value]] = t
        local i = 0
        for k, v in pairs(value) do
          i = i + 1
          t.keys[i], t.values[i] = pack(k, where), pack(v, where)
        end
        return t
      end)
    end
    trouble.wrong("ARGUMENT", ("%s: %s is a %s, which cannot go into a job"):format(what, where, kind))
  end
  return pack, items
end

---The text of a job that was recorded.
---@param job any what the job is: a proxy
---@param from integer calls recorded behind this mark belong to it, whatever they are for
function program.text(job, from)
  if not (rawget(_G, "jit") and string.dump) then
    trouble.wrong("ARGUMENT", "tm.test: a job that a spec builds needs LuaJIT", "give the path of a job file")
  end
  local pack, items = packer("tm.test")
  local order = {}
  for i, call in ipairs(belonging(job, from)) do order[i] = pack(call.result, "a result") end
  local result = pack(job, "the job")
  return wire.encode(3, items, order, result)
end

return program
