-- Values between a spec that another Lua runs and the binary that runs its jobs, as texts. No length or order depends on the
-- Lua: 5.1 and LuaJIT write and read the same.
local null = require "kit.null"

local wire = {}

local function put(parts, v)
  local kind = type(v)
  if v == null then
    parts[#parts + 1] = "0"
  elseif kind == "nil" then
    parts[#parts + 1] = "-"
  elseif kind == "boolean" then
    parts[#parts + 1] = v and "t" or "f"
  elseif kind == "number" then
    parts[#parts + 1] = v == math.huge and "ninf;" or v == -math.huge and "n-inf;" or v ~= v and "nnan;" or ("n%.17g;"):format(v)
  elseif kind == "string" then
    parts[#parts + 1] = ("s%d:"):format(#v)
    parts[#parts + 1] = v
  elseif kind == "table" then
    local at = #parts + 1
    local count = 0
    parts[at] = ""
    for k, item in pairs(v) do
      put(parts, k)
      put(parts, item)
      count = count + 1
    end
    parts[at] = ("T%d:"):format(count)
  else
    error("a " .. kind .. " cannot be sent", 0)
  end
end

---Several values as one text.
function wire.encode(count, ...)
  local parts = { ("%d:"):format(count) }
  for i = 1, count do put(parts, (select(i, ...))) end
  return table.concat(parts)
end

local NUMBERS = { inf = math.huge, ["-inf"] = -math.huge, nan = 0 / 0 }

local function take(text, at)
  local tag = text:sub(at, at)
  if tag == "0" then return null, at + 1 end
  if tag == "-" then return nil, at + 1 end
  if tag == "t" or tag == "f" then return tag == "t", at + 1 end
  if tag == "n" then
    local digits, next_at = text:match("^([^;]*);()", at + 1)
    local special = NUMBERS[digits]
    return special or tonumber(digits), next_at
  end
  local length, from = text:match("^(%d+):()", at + 1)
  length = tonumber(length)
  if tag == "s" then return text:sub(from, from + length - 1), from + length end
  local t = {}
  for _ = 1, length do
    local k, v
    k, from = take(text, from)
    v, from = take(text, from)
    t[k] = v
  end
  return t, from
end

---How many values the text holds, and a list of them (with holes where they are nil).
function wire.decode(text)
  local count, at = text:match("^(%d+):()")
  local values = {}
  for i = 1, tonumber(count) do
    values[i], at = take(text, at)
  end
  return tonumber(count), values
end

---Reads one message of a file; nil at its end.
function wire.read(file)
  local length = file:read("*l")
  return length and file:read(tonumber(length)) or nil
end

function wire.write(file, text)
  file:write(("%d\n"):format(#text), text)
  file:flush()
end

return wire
