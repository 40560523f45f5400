-- Lua values as JSON text: defaults of columns, and what commands print as JSON. Tables are arrays when they have items 1
-- to n or are marked by tm.array; the keys of others come in their order, so that the text never changes between runs.
local json_text = {}

local ESCAPES = { ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }

local function escape(c) return ESCAPES[c] or ("\\u%04x"):format(c:byte()) end

function json_text.string(s) return '"' .. s:gsub('[%c"\\\127]', escape) .. '"' end

local function number(n)
  if n == math.floor(n) and math.abs(n) < 2 ^ 63 then return ("%.0f"):format(n) end
  local text = ("%.15g"):format(n)
  return tonumber(text) == n and text or ("%.17g"):format(n)
end

local encode

local function encode_table(t, depth)
  local parts, n = {}, require("codegen.list").length(t)
  if n > 0 or require("codegen.any").is_array(t) then
    if n < 0 then return nil end
    for i = 1, n do
      parts[i] = t[i] == nil and "null" or encode(t[i], depth)
      if not parts[i] then return nil end
    end
    return "[" .. table.concat(parts, ",") .. "]"
  end
  local keys = {}
  for k in pairs(t) do
    if type(k) ~= "string" then return nil end
    keys[#keys + 1] = k
  end
  table.sort(keys)
  for i, k in ipairs(keys) do
    local v = encode(t[k], depth)
    if not v then return nil end
    parts[i] = json_text.string(k) .. ":" .. v
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

function encode(v, depth)
  if type(v) == "string" then return json_text.string(v) end
  if type(v) == "boolean" then return tostring(v) end
  if type(v) == "number" then
    if v ~= v or math.abs(v) == math.huge then return nil end
    return number(v)
  end
  if v == require("tidemill.null") then return "null" end
  if type(v) == "table" and not require("tidemill.freeze").kind(v) then
    return depth < 128 and encode_table(v, depth + 1) or nil
  end
  if type(v) == "cdata" and (require("codegen.int64").is(v) or require("codegen.decimal").is(v)) then
    return (tostring(v):gsub("LL$", ""))
  end
  return nil
end

---The JSON text of a value; nil for what JSON cannot say.
---@return string?
function json_text.encode(v) return encode(v, 0) end

return json_text
