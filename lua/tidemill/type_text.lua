-- Types as text and as trees. The text is a type's identity everywhere in Lua; it is the one spelling that
-- core/batch/type.c writes: "decimal(10,2)", "list(string!)", "map(string,double)", 'struct(street string,"post code" int)'.
local type_text = {}

---@class tidemill.type
---@field kind string bool int int64 double decimal string bytes timestamp list map struct any
---@field text string the whole type
---@field precision integer? of a decimal
---@field scale integer?
---@field of tidemill.type.field[]? struct: its fields; list: "item"; map: "key" and "value"
---@field by_name table<string, tidemill.type.field>? of `of`

---@class tidemill.type.field
---@field name string
---@field type tidemill.type
---@field required boolean

local SCALAR = { bool = true, int = true, int64 = true, double = true, string = true, bytes = true, timestamp = true, any = true }
local NESTED = { list = true, map = true, struct = true }
local KEYS = { string = true, int = true, int64 = true }
type_text.NAMES = { "bool", "int", "int64", "double", "decimal", "string", "bytes", "timestamp", "list", "map", "struct", "any" }
type_text.DEPTH_MAX = 32   -- as core/base/limits.h
type_text.FIELDS_MAX = 4096

local function quoted(name)
  if name:find("^[%a_][%w_]*$") then return name end
  return '"' .. name:gsub('[\\"]', "\\%0") .. '"'
end

---The type of these parts: its text is written here and nowhere else.
---@param kind string
---@param of tidemill.type.field[]?
---@return tidemill.type
function type_text.make(kind, of, precision, scale)
  local t = { kind = kind, of = of, precision = precision, scale = scale, text = kind }
  if kind == "decimal" then t.text = ("decimal(%d,%d)"):format(precision, scale) end
  if not of then return t end
  t.by_name = {}
  local parts = {}
  for i, f in ipairs(of) do
    t.by_name[f.name] = f
    local mark = f.required and not (kind == "map" and i == 1) and "!" or ""
    parts[i] = (kind == "struct" and quoted(f.name) .. " " or "") .. f.type.text .. mark
  end
  t.text = kind .. "(" .. table.concat(parts, ",") .. ")"
  return t
end

-- --- reading

local EXAMPLE = { list = 'for example "list(string)"', map = 'for example "map(string,double)"',
  struct = 'for example "struct(street string, number int)", or a table of its fields' }
local HOLDS = { list = "a list has the type of its items", map = "a map has a type of its keys and one of its values",
  struct = "a struct has fields" }

local Reader = {}
Reader.__index = Reader

-- Leaves the reader with what is wrong and how it is mended.
local function wrong(r, message, hint)
  r.message, r.hint = r.message or message, r.hint or hint
  return nil
end

local function take(r, pattern)
  local first, last, found = r.text:find("^%s*" .. pattern, r.at)
  if not first then return nil end
  r.at = last + 1
  return found or true
end

local read

local function field(r, name, required)
  r.fields = r.fields + 1
  if r.fields > type_text.FIELDS_MAX then
    return wrong(r, ("it has more than %d fields on all its levels"):format(type_text.FIELDS_MAX))
  end
  local t = read(r)
  if not t then return nil end
  return { name = name, type = t, required = take(r, "!") ~= nil or required or false }
end

local function read_name(r)
  local plain = take(r, "([%a_][%w_]*)")
  if plain then return plain end
  if not take(r, '"') then return nil end
  local parts = {}
  while true do
    local c = r.text:sub(r.at, r.at)
    r.at = r.at + 1
    if c == "" then return nil end
    if c == '"' then return table.concat(parts) end
    if c == "\\" then
      c = r.text:sub(r.at, r.at)
      r.at = r.at + 1
    end
    parts[#parts + 1] = c
  end
end

local function read_struct(r)
  local of, seen = {}, {}
  repeat
    local name = read_name(r)
    if not name or name == "" then
      return wrong(r, "a field of a struct has a name and a type", EXAMPLE.struct)
    end
    if seen[name] then return wrong(r, ("a struct has two fields %q"):format(name)) end
    seen[name] = true
    of[#of + 1] = field(r, name)
    if r.message then return nil end
  until not take(r, ",")
  return of
end

local function read_map(r)
  local key = field(r, "key", true)
  if not key then return nil end
  if not KEYS[key.type.kind] then return wrong(r, "the keys of a map are string, int or int64", EXAMPLE.map) end
  if not take(r, ",") then
    return wrong(r, HOLDS.map, EXAMPLE.map)
  end
  return { key, field(r, "value") }
end

local function read_nested(r, kind)
  if not take(r, "%(") then return wrong(r, HOLDS[kind], EXAMPLE[kind]) end
  r.depth = r.depth + 1
  if r.depth > type_text.DEPTH_MAX then
    return wrong(r, ("it is more than %d levels deep"):format(type_text.DEPTH_MAX))
  end
  local of
  if kind == "list" then of = { field(r, "item") }
  elseif kind == "map" then of = read_map(r)
  else of = read_struct(r) end
  if r.message then return nil end
  if not take(r, "%)") then return wrong(r, "a closing ) is missing", EXAMPLE[kind]) end
  r.depth = r.depth - 1
  return type_text.make(kind, of)
end

function read(r)
  local name = take(r, "([%a][%w_]*)")
  if not name then return wrong(r, "a type is missing") end
  if SCALAR[name] then return type_text.make(name) end
  if NESTED[name] then return read_nested(r, name) end
  if name == "decimal" then
    local precision, scale = r.text:match("^%s*%(%s*(%d+)%s*,%s*(%d+)%s*%)", r.at)
    if not precision then
      return wrong(r, "a decimal has its digits and its scale", "decimal(10,2): up to 10 digits, 2 of them after the point")
    end
    take(r, "%([%d%s]*,[%d%s]*%)")
    precision, scale = tonumber(precision), tonumber(scale)
    if precision < 1 or precision > 38 or scale > precision then
      return wrong(r, ("decimal(p,s) takes p from 1 to 38 and s from 0 to p, given decimal(%d,%d)"):format(precision, scale),
        'for money, "decimal(18,2)"')
    end
    return type_text.make("decimal", nil, precision, scale)
  end
  r.unknown = r.unknown or name
  return wrong(r, ("there is no type %q"):format(name))
end

---@param text string
---@return tidemill.type? type nil when the text is none
---@return { message: string, hint: string?, unknown: string? }? fault
function type_text.parse(text)
  local r = setmetatable({ text = text, at = 1, depth = 0, fields = 0 }, Reader)
  local t = read(r)
  if t and r.text:find("%S", r.at) then t = wrong(r, "something follows it: " .. r.text:sub(r.at)) end
  if t then return t end
  return nil, r
end

local trees = {}

---The tree of a type's text in its one spelling; nil for "?" and for what is no type.
---@return tidemill.type?
function type_text.tree(text)
  local t = trees[text]
  if t == nil then
    t = type_text.parse(text) or false
    trees[text] = t
  end
  return t or nil
end

---"list" of "list(int)", "decimal" of "decimal(10,2)".
function type_text.kind(text) return text:match("^%a+%d*") end

---Is it a list, a map or a struct?
function type_text.is_nested(text) return NESTED[text:match("^%a+")] == true end

return type_text
