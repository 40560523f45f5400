-- JSON values in case files: what is written in quotes, brackets or braces. Small on purpose: the engine's own reader is
-- under test elsewhere, and a case must not depend on it.
local json = {}

json.null = setmetatable({}, { __tostring = function() return "null" end })

local ESCAPES = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t", ['"'] = '"', ["\\"] = "\\", ["/"] = "/" }

local value

local function skip(text, at) return text:find("%S", at) or #text + 1 end

local function string_at(text, at)
  local parts, from = {}, at + 1
  while true do
    local stop = text:find('["\\]', from)
    if not stop then return nil, "a text without its closing quote" end
    parts[#parts + 1] = text:sub(from, stop - 1)
    if text:sub(stop, stop) == '"' then return table.concat(parts), stop + 1 end
    local escaped = ESCAPES[text:sub(stop + 1, stop + 1)]
    if not escaped then return nil, "an unknown escape" end
    parts[#parts + 1] = escaped
    from = stop + 2
  end
end

local function members(text, at, close, with_keys)
  local result, n = {}, 0
  at = skip(text, at + 1)
  if text:sub(at, at) == close then return result, at + 1 end
  while true do
    local key, item
    if with_keys then
      if text:sub(at, at) ~= '"' then return nil, "a key without quotes" end
      key, at = string_at(text, at)
      if not key then return nil, at end
      at = skip(text, at)
      if text:sub(at, at) ~= ":" then return nil, "a key without a colon" end
      at = skip(text, at + 1)
    end
    item, at = value(text, at)
    if item == nil then return nil, at end
    n = n + 1
    result[with_keys and key or n] = item
    at = skip(text, at)
    local sign = text:sub(at, at)
    if sign == close then return result, at + 1 end
    if sign ~= "," then return nil, ("neither , nor %s"):format(close) end
    at = skip(text, at + 1)
  end
end

local WORDS = { null = json.null, ["true"] = true, ["false"] = false }

-- Reads the value at `at`: it and where it ends, or nil and what is wrong. false is false, null is json.null.
function value(text, at)
  local sign = text:sub(at, at)
  if sign == '"' then return string_at(text, at) end
  if sign == "[" then return members(text, at, "]", false) end
  if sign == "{" then return members(text, at, "}", true) end
  local word = text:match("^[^%s,%]}]+", at)
  if not word then return nil, "no value" end
  local known = WORDS[word]
  if known == nil then known = tonumber(word) end
  if known == nil then return nil, ("%s is no JSON value"):format(word) end
  return known, at + #word
end

json.value = value
return json
