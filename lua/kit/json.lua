-- A record that is pushed, as a JSON object. Tables are what their column's type says; where that says nothing (any) those with
-- items 1 to n are arrays, other ones objects, and an empty one an object: `tm.array {}` says array.
local null = require "kit.null"

local json = {}

local ESCAPES = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }

local function escape(c) return ESCAPES[c] or ("\\u%04x"):format(c:byte()) end

local function text(s) return '"' .. s:gsub('[%c"\\\127]', escape) .. '"' end

local function number(n)
  if n ~= n or n == math.huge or n == -math.huge then return nil, tostring(n) .. " is no number that a record can have" end
  if n == math.floor(n) and math.abs(n) < 2 ^ 63 then return ("%.0f"):format(n) end
  local short = ("%.15g"):format(n)
  return tonumber(short) == n and short or ("%.17g"):format(n)
end

local encode

local function sorted_keys(t)
  local keys = {}
  for k in pairs(t) do
    if type(k) ~= "string" and type(k) ~= "number" then return nil, "a key that is a " .. type(k) .. ": names are texts" end
    keys[#keys + 1] = k
  end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  return keys
end

-- `shape` is what the column's type says of the value (kit.engine.columns): nil where the value says it all.
local function table_text(t, depth, shape)
  local parts = {}
  if depth > 128 then return nil, "a table that is too deep, or holds itself" end
  local is_object = shape and (shape.map or shape.struct)
  if json.is_array(t) or not is_object and #t > 0 or shape and shape.list and next(t) == nil then
    for i = 1, #t do
      local item, why = encode(t[i], depth + 1, shape and shape.list and shape.of)
      if not item then return nil, why end
      parts[i] = item
    end
    return "[" .. table.concat(parts, ",") .. "]"
  end
  local keys, wrong = sorted_keys(t)
  if not keys then return nil, wrong end
  for i, k in ipairs(keys) do
    local v, why = encode(t[k], depth + 1, shape and (shape.map and shape.of or shape.struct and shape.struct[k]))
    if not v then return nil, why end
    parts[i] = text(tostring(k)) .. ":" .. v
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

function encode(v, depth, shape)
  local kind = type(v)
  if kind == "string" then return shape == "int64" and v:find("^%-?%d+$") and v or text(v) end
  if kind == "boolean" then return tostring(v) end
  if kind == "number" then return number(v) end
  if v == null then return "null" end
  if kind == "cdata" then
    local digits = tostring(v):match("^(%-?%d+)U?LL$")
    if digits then return digits end
  end
  if kind == "table" then return table_text(v, depth, type(shape) == "table" and shape or nil) end
  return nil, "a " .. kind .. " is no value that a record can have"
end

local ARRAY = {}

---Marks a table as an array, also when it is empty.
function json.array(t) return setmetatable(t, ARRAY) end
function json.is_array(t) return getmetatable(t) == ARRAY end

---@param row any
---@param shapes? table<string, any> of the columns: an int64 may be a text of digits, as it is when rows are taken, and {} is a list
---@return string? text, string? why
function json.encode(row, shapes) return encode(row, 0, shapes and { struct = shapes }) end

return json
