-- What a file's text shows at a glance, without parsing it: where its functions stand, and where tables and assignments name
-- fields. A table has no order and bytecode has no columns of text; both are asked for here (order.lua).
local outline = {}

---@class tidemill.outline.name
---@field name string
---@field at integer byte where it stands
---@field line integer

---@class tidemill.outline.table
---@field at integer byte of its {
---@field line integer
---@field depth integer of functions around it
---@field func tidemill.outline.func
---@field names tidemill.outline.name[] keys of its own, in order, computed ones left out
---@field nils table<string, boolean> keys that are given nil itself

---@class tidemill.outline.func
---@field from integer first byte, of `function`; 1 for the file
---@field to integer last byte
---@field line integer
---@field children tidemill.outline.func[]
---@field tables tidemill.outline.table[] in its own body, not in its children's

---@class tidemill.outline
---@field root tidemill.outline.func the file
---@field tables tidemill.outline.table[] all, in order
---@field names tidemill.outline.name[] fields that are named: keys of tables, and assignments like e.total = 1

local OPENS = { ["function"] = true, ["if"] = true, ["do"] = true, ["repeat"] = true }
local CLOSES = { ["end"] = true, ["until"] = true }
local KEYWORDS = {}
for word in ("and break do else elseif end false for function if in local nil not or repeat return then true until while")
  :gmatch("%a+") do KEYWORDS[word] = true end

-- --- tokens

-- The end of a long bracket that begins at p, or nil when none does: [[ ]], [==[ ]==].
local function long_end(text, p)
  local level = text:match("^%[(=*)%[", p)
  if not level then return nil end
  local _, close = text:find("]" .. level .. "]", p, true)
  return close or #text
end

local function short_end(text, p)
  local quote, q = text:sub(p, p), p + 1
  while q <= #text do
    local c = text:sub(q, q)
    if c == "\\" then q = q + 1
    elseif c == quote or c == "\n" then break end
    q = q + 1
  end
  return math.min(q, #text)
end

-- What a token that begins with a byte can be; nil: an operator.
local BEGINS = {}
for b = 0, 255 do
  local c = string.char(b)
  BEGINS[b] = c:find("^%s") and "space" or c:find("^[%w_\128-\255]") and "name" or c:find("^[\"']") and "string" or nil
end
local MINUS, BRACKET, EQUALS = ("-[="):byte(1, 3)
local BEFORE_EQUALS = {}
for _, b in ipairs { ("=~<>"):byte(1, 4) } do BEFORE_EQUALS[b] = true end

-- Calls token(kind, from, to) for "name", "string" and "op"; spaces and comments are left out. Numbers are names that begin
-- with a digit: nothing here asks what they are.
local function each_token(text, token)
  local p, n, byte, find = 1, #text, string.byte, string.find
  while p <= n do
    local b, _, stop = byte(text, p), nil, nil
    local kind = BEGINS[b]
    if kind == "space" then
      _, stop = find(text, "^%s+", p)
    elseif b == MINUS and byte(text, p + 1) == MINUS then
      stop = long_end(text, p + 2) or (find(text, "\n", p, true) or n)
    else
      if kind == "name" then
        _, stop = find(text, "^[%w_\128-\255]+", p)
      elseif kind == "string" then
        stop = short_end(text, p)
      elseif b == BRACKET then
        stop = long_end(text, p)
        kind = stop and "string"
      elseif BEFORE_EQUALS[b] and byte(text, p + 1) == EQUALS then
        stop = p + 1
      end
      stop = stop or p
      token(kind or "op", p, stop)
    end
    p = stop + 1
  end
end

-- The value of a string token; nil when it is none.
local function value_of(text)
  local fn = loadstring("return " .. text)
  local ok, value = pcall(fn or error)
  return ok and value or nil
end

local function make_tokens(text)
  local list, line, newline = {}, 1, text:find("\n", 1, true)
  each_token(text, function(kind, from, to)
    while newline and newline < from do
      line, newline = line + 1, text:find("\n", newline + 1, true)
    end
    list[#list + 1] = { kind = kind, text = text:sub(from, to), at = from, to = to, line = line }
  end)
  return list
end

-- --- structure

local NONE = { kind = "", text = "" }

-- The field that the tokens before `=` at i name, its first token's index, and whether it is an element of a table; nil for
-- variables and computed keys.
local function field_before(list, i)
  local a, b, c = list[i - 1] or NONE, list[i - 2] or NONE, list[i - 3] or NONE
  if a.kind == "name" and not KEYWORDS[a.text] then
    if b.text == "." and b.kind == "op" then return a.text, a.at, false end
    return a.text, a.at, true
  end
  if a.text == "]" and b.kind == "string" and c.text == "[" then
    local d = list[i - 4] or NONE
    local is_element = d.kind == "op" and (d.text == "{" or d.text == "," or d.text == ";")
    return value_of(b.text), b.at, is_element
  end
end

local tokens = setmetatable({}, { __mode = "k" }) -- by file of place.lua

local function file_tokens(file)
  local list = tokens[file]
  if not list then
    list = make_tokens(file.text)
    tokens[file] = list
  end
  return list
end

---The words of a file's text in order, without spaces and comments: { kind = "name"|"string"|"op", text =, at =, to =, line = }.
---Remembered per file.
---@param file table { text = }
---@return table[]
function outline.tokens(file) return file_tokens(file) end

---@return tidemill.outline
local function make(file)
  local text = file.text
  local list = file_tokens(file)
  local root = { from = 1, to = #text, line = 1, children = {}, tables = {} }
  local o = { root = root, tables = {}, names = {} }
  local func, depth = root, 0
  local blocks = {} -- of open blocks: their function, or false
  local braces = {} -- of open braces: their table
  for i, t in ipairs(list) do
    local inner = braces[#braces]
    if t.kind == "name" and OPENS[t.text] then
      blocks[#blocks + 1] = false
      if t.text == "function" then
        local f = { from = t.at, line = t.line, children = {}, tables = {}, above = func }
        func.children[#func.children + 1] = f
        blocks[#blocks], func, depth = f, f, depth + 1
      end
    elseif t.kind == "name" and CLOSES[t.text] then
      local closed = table.remove(blocks)
      if closed then
        closed.to, func, depth = t.to, closed.above, depth - 1
      end
    elseif t.kind == "op" and t.text == "{" then
      local made = { at = t.at, line = t.line, depth = depth, func = func, names = {}, nils = {} }
      func.tables[#func.tables + 1], o.tables[#o.tables + 1], braces[#braces + 1] = made, made, made
    elseif t.kind == "op" and t.text == "}" then
      table.remove(braces)
    elseif t.kind == "op" and t.text == "=" then
      local name, at, is_element = field_before(list, i)
      if name and is_element and inner and inner.func == func then
        inner.names[#inner.names + 1] = { name = name, at = at, line = t.line }
        local after, past = list[i + 1] or NONE, list[i + 2] or NONE
        if after.text == "nil" and (past.text == "," or past.text == ";" or past.text == "}") then inner.nils[name] = true end
        o.names[#o.names + 1] = { name = name, at = at, line = t.line }
      elseif name and not is_element then
        o.names[#o.names + 1] = { name = name, at = at, line = t.line }
      end
    end
  end
  for _, f in ipairs(blocks) do if f then f.to = #text end end
  return o
end

local known = setmetatable({}, { __mode = "k" }) -- by file of place.lua

---The outline of a file's text. Remembered per file.
---@param file table { text = }
---@return tidemill.outline
function outline.of(file)
  local o = known[file]
  if not o then
    o = make(file)
    known[file] = o
  end
  return o
end

return outline
