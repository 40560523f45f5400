-- Where on its line something stands: faults and findings know "job.lua:12", which is what Lua's bytecode knows, and the
-- column is read from the text, with the line itself to show. It is given only where the text leaves no doubt.
local outline = require "tidemill.outline"
local place = require "tidemill.place"
local utf8 = require "tidemill.utf8"

local position = {}

local SHOWN = 100 -- characters of a line

local function tokens_of(file, line)
  local list = {}
  for _, t in ipairs(outline.tokens(file)) do
    if t.line == line then list[#list + 1] = t end
  end
  return list
end

-- The only token of the line that is this name or text.
local function only(tokens, text)
  local found
  for _, t in ipairs(tokens) do
    if t.text == text or (t.kind == "string" and t.text:sub(2, -2) == text) then
      if found then return nil end
      found = t
    end
  end
  return found
end

-- The token at which the text stops being a program: up to its end it fails there, and up to its beginning it is only cut.
local function stopper(file, tokens, near)
  for _, t in ipairs(tokens) do
    if t.text == near or t.text:sub(1, #near) == near then
      local _, message = loadstring((file.before or "") .. file.text:sub(1, t.to), "=")
      if message and not message:find("near '<eof>'", 1, true) then return t end
    end
  end
  return only(tokens, near)
end

-- "tm.webhook: retry: min: ...": the innermost of what the message goes through that the line has once.
local function option(tokens, message)
  local found
  local name, rest = message:match("^([%w_%.]+): (.*)$")
  while name do
    found = only(tokens, name) or found
    name, rest = rest:match("^([%w_]+): (.*)$")
  end
  return found
end

-- "tm.trigger.count": the last word of the only place of the line where they stand in this order.
local function dotted(tokens, text)
  local words, found = {}, nil
  for word in text:gmatch("[%w_]+") do words[#words + 1] = word end
  for i, t in ipairs(tokens) do
    local n, last = 1, t
    while t.text == words[1] and n < #words do
      local dot, word = tokens[i + 2 * n - 1], tokens[i + 2 * n]
      if not (word and dot.text == "." and word.text == words[n + 1]) then break end
      n, last = n + 1, word
    end
    if n == #words and t.text == words[1] then
      if found then return nil end
      found = last
    end
  end
  return found
end

local named
function named(tokens, message)
  -- What the operator is called comes last: the message says what is wrong within it.
  local inner = message:match('^[%a_]+ "[^"\n]*": (.*)$')
  local within = inner and inner:find("^%l") and named(tokens, inner)
  if within then return within end
  -- "ctx has no emmit; it has ..."
  local missing = message:match("has no ([%a_][%w_]*);")
  local there = missing and only(tokens, missing)
  if there then return there end
  for _, quotes in ipairs { '"([^"\n]+)"', "'([^'\n]+)'" } do
    for text in message:gmatch(quotes) do
      local t = only(tokens, text)
      if t then return t end
    end
  end
  local innermost = option(tokens, message)
  if innermost then return innermost end
  local of_tm = message:match("tm%.[%w_.]+")
  local at = of_tm and dotted(tokens, (of_tm:gsub("%.$", "")))
  if at then return at end
  local verb = message:match("tm%.([%w_]+)") or message:match("^([%a_][%w_]*)[:( ]")
  return verb and only(tokens, verb)
end

local function line_of(text, number)
  local at = 1
  for _ = 2, number do
    at = (text:find("\n", at, true) or #text) + 1
  end
  return text:sub(at, (text:find("\n", at, true) or #text + 1) - 1):gsub("\r$", ""), at
end

-- The line around the column, and a caret below.
local function excerpt(line, column)
  local characters = {}
  for c in line:gsub("[%c]", " "):gmatch("[%z\1-\127\194-\244][\128-\191]*") do characters[#characters + 1] = c end
  local first = 1
  while first < #characters and characters[first] == " " do first = first + 1 end
  if column - first >= SHOWN then first = column - math.floor(SHOWN / 2) end
  local shown = table.concat(characters, "", first, math.min(#characters, first + SHOWN - 1))
  return shown .. "\n" .. (" "):rep(column - first) .. "^"
end

---The place with its column, and the line on lines of their own: "job.lua:12:5\nfilter(...)\n^". Where the column is not
---known the place comes back as it was.
---@param where string "job.lua:12"
---@param code string
---@param message string
---@return string
function position.of(where, code, message)
  local path, number = where:match("^(.*):(%d+)$")
  local file = path and place.file("@" .. path)
  if not file then return where end
  local tokens = tokens_of(file, tonumber(number))
  local t
  if code == "SCRIPT_SYNTAX" then
    local near = message:match("near '(.*)'$")
    t = near and stopper(file, tokens, near)
  else
    t = named(tokens, message)
  end
  if not t then return where end
  local line, at = line_of(file.text, tonumber(number))
  local before = line:sub(1, t.at - at)
  if not utf8.is_valid(line) then return where end
  local _, column = before:gsub("[^\128-\191]", "")
  return ("%s:%d\n%s"):format(where, column + 1, excerpt(line, column + 1))
end

---Says the column of a fault, once.
---@param f table fault
function position.mark(f)
  if type(f) == "table" and type(f.where) == "string" then f.where = position.of(f.where, f.code, f.message) end
  return f
end

return position
