-- Values of the model, and how they are written for the engine and read from it. A column is { name =, type =, scale = };
-- int, double and timestamp are numbers, int64 is a LuaJIT int64, decimal a whole number of its last digit's units (int64), bool,
-- string as in Lua, list a table { n =, ... }. Null is nil.
local values = {}

local function digits(v) return (tostring(v):gsub("U?LL$", "")) end

local function decimal_text(v, scale)
  local text = digits(v < 0 and -v or v)
  if scale > 0 then
    text = ("0"):rep(scale + 1 - #text) .. text
    text = text:sub(1, -scale - 1) .. "." .. text:sub(-scale)
  end
  return (v < 0 and "-" or "") .. text
end

---The type as a schema has it.
function values.type_text(column)
  if column.type == "decimal" then return ("decimal(%d,%d)"):format(column.precision or 10, column.scale) end
  if column.type == "list" then return ("list(%s)"):format(values.type_text(column.of)) end
  return column.type
end

local ESCAPES = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\t"] = "\\t" }

local function number_text(v)
  if v == math.floor(v) and math.abs(v) < 2 ^ 53 then return ("%.0f"):format(v == 0 and 0 or v) end
  return ("%.17g"):format(v)
end

---A text that equal values have alone; of doubles, to compare lists of them.
function values.text(column, v)
  if v == nil then return "null" end
  local kind = column.type
  if kind == "int" or kind == "timestamp" or kind == "double" then return number_text(v) end
  if kind == "int64" then return digits(v) end
  if kind == "decimal" then return decimal_text(v, column.scale) end
  if kind == "bool" then return tostring(v) end
  if kind == "list" then
    local parts = {}
    for i = 1, v.n do parts[i] = values.text(column.of, v[i]) end
    return "[" .. table.concat(parts, ",") .. "]"
  end
  return '"' .. v:gsub('["\\\n\t]', ESCAPES) .. '"'
end

---A record in JSON.
function values.json(columns, row)
  local parts = {}
  for _, column in ipairs(columns) do
    parts[#parts + 1] = ('"%s":%s'):format(column.name, values.text(column, row[column.name]))
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

---A record for t:push.
function values.record(columns, row)
  local record = {}
  for _, column in ipairs(columns) do
    local v = row[column.name]
    if v ~= nil and column.type == "decimal" then v = decimal_text(v, column.scale) end
    record[column.name] = v
  end
  return record
end

---The text of a value that t:take gave: exact ones as values.text has it; nil of a double, which is compared by size.
function values.taken(column, v)
  if v == nil then return "null" end
  if column.type == "decimal" or type(v) == "string" and column.type == "int64" then return v end
  if column.type == "int64" then return number_text(v) end
  if column.type == "list" then
    local parts = {}
    for i = 1, #v do parts[i] = values.taken(column.of, v[i]) end
    return "[" .. table.concat(parts, ",") .. "]"
  end
  return values.text(column, v)
end

---A line of JSON that a sink wrote, as t:take would have given it.
function values.parse(line, columns)
  local at, row = 2, {}
  local types = {}
  for _, column in ipairs(columns) do types[column.name] = column end
  local value
  local function text()
    local first = at + 1
    local last = first
    while line:sub(last, last) ~= '"' do last = last + (line:sub(last, last) == "\\" and 2 or 1) end
    at = last + 1
    return (line:sub(first, last - 1):gsub("\\(.)", function(c) return c == "n" and "\n" or c == "t" and "\t" or c end))
  end
  function value(column)
    local c = line:sub(at, at)
    if c == "[" then
      local list = {}
      at = at + 1
      while line:sub(at, at) ~= "]" do
        list[#list + 1] = value(column and column.of)
        if line:sub(at, at) == "," then at = at + 1 end
      end
      at = at + 1
      return list
    end
    if c == '"' then return text() end
    local token = line:match("^[%w%.%+%-]+", at)
    at = at + #token
    if token == "null" then return nil end
    if token == "true" or token == "false" then return token == "true" end
    return column and (column.type == "decimal" or column.type == "int64") and token or tonumber(token)
  end
  while line:sub(at, at) ~= "}" do
    if line:sub(at, at) == "," then at = at + 1 end
    local name = text()
    at = at + 1
    row[name] = value(types[name])
  end
  return row
end

-- Milliseconds of a time as JSON has it by itself: 2024-05-01T10:00:00.000Z.
local function milliseconds(text)
  local year, month, day, hour, minute, second, rest = text:match("^(%d+)-(%d+)-(%d+)T(%d+):(%d+):(%d+)%.(%d+)Z$")
  local y, m = tonumber(year), tonumber(month)
  if m <= 2 then y, m = y - 1, m + 12 end
  local days = 365 * y + math.floor(y / 4) - math.floor(y / 100) + math.floor(y / 400) + math.floor((153 * (m - 3) + 2) / 5) + day - 719469
  return ((days * 24 + hour) * 60 + minute) * 60000 + second * 1000 + rest
end

---The row of a dead letter, which is JSON in a text, as t:take would have given it.
function values.buried(text, columns)
  local row = values.parse(text, columns)
  for _, column in ipairs(columns) do
    local v = row[column.name]
    if column.type == "timestamp" and v then row[column.name] = milliseconds(v) end
  end
  return row
end

---Order as min and max have it: numbers by size, strings by bytes.
function values.less(a, b) return a < b end

local ALPHABET = { "", "a", "b", "B", "ab", "abc", "žluť", "a longer text of some bytes", "\"quoted\"", "z", "0", "10", "9" }
local BIG = { 9007199254740993LL, -9007199254740993LL, 4611686018427387LL }

---A value of a type; few different ones, so that they meet.
function values.draw(random, column)
  local kind = column.type
  if column.nullable and random:chance(column.nullable) then return nil end
  if kind == "int" then return random:chance(5) and random:pick { 0, -1, 10007, -10007 } or random:int(-20, 40) end
  if kind == "int64" then return random:chance(20) and random:pick(BIG) or random:int(-50, 50) + 0LL end
  if kind == "double" then return random:chance(20) and random:int(-1000000, 1000000) / 7 or random:int(-40, 40) / 4 end
  if kind == "decimal" then return random:int(-3000, 9999) + 0LL end
  if kind == "bool" then return random:chance(50) end
  if kind == "small" then return random:int(0, 120) end
  return random:pick(ALPHABET)
end

values.decimal_text = decimal_text
return values
