-- Schemas as text: for pasting into a job, for machines, and as classes for the editor's Lua language server.
local json_text = require "tidemill.json_text"
local type_text = require "tidemill.type_text"

local schema_text = {}

local RESERVED = {}
for word in ([[and break do else elseif end false for function goto if in local nil not or repeat return then true until
  while]]):gmatch("%a+") do RESERVED[word] = true end

local function escaped(s)
  return (s:gsub('[%c"\\\127]', function(c)
    if c == '"' or c == "\\" then return "\\" .. c end
    return ("\\%03d"):format(c:byte())
  end))
end

local function quoted(s) return '"' .. escaped(s) .. '"' end

local function key(name)
  if name:find("^[%a_][%w_]*$") and not RESERVED[name] then return name end
  return "[" .. quoted(name) .. "]"
end

-- --- tm.schema { ... }

local function visible(s)
  local list = {}
  for _, f in ipairs(s.fields) do if not f.hidden then list[#list + 1] = f end end
  return list
end

-- JSON as Lua writes the same: tables in braces, keys in brackets, other control characters as \ddd.
local function literal(json)
  local out, at = {}, 1
  while at <= #json do
    local s = json:match('^"[^"\\]*"', at)
    local last = s and at + #s - 1
    if not s and json:sub(at, at) == '"' then
      last = at + 1
      while json:sub(last, last) ~= '"' do last = last + (json:sub(last, last) == "\\" and 2 or 1) end
      s = json:sub(at, last):gsub("\\u00(%x%x)", function(hex) return ("\\%03d"):format(tonumber(hex, 16)) end)
    end
    if s then
      local colon = json:sub(last + 1, last + 1) == ":"
      out[#out + 1] = colon and "[" .. s .. "] = " or s
      at = last + (colon and 2 or 1)
    elseif json:sub(at, at + 3) == "null" then
      out[#out + 1] = "tm.null"
      at = at + 4
    else
      local c = json:sub(at, at)
      out[#out + 1] = c == "[" and "{ " or c == "]" and " }" or c == "," and ", " or c
      at = at + 1
    end
  end
  return table.concat(out)
end

local function field(f)
  local extra = ""
  if f.required then extra = extra .. ", required = true" end
  if f.rename then extra = extra .. ", rename = " .. quoted(f.rename) end
  if f.default then extra = extra .. ", default = " .. literal(f.default) end
  local t = quoted(f.type)
  return key(f.name) .. " = " .. (extra == "" and t or "{ " .. t .. extra .. " }")
end

---`tm.schema { a = "int", b = "string" }`
function schema_text.line(s)
  if s.shapeless then return '"any"' end
  local parts = {}
  for i, f in ipairs(visible(s)) do parts[i] = field(f) end
  return "tm.schema { " .. table.concat(parts, ", ") .. " }"
end

local WIDTH = 100

-- A struct as a table of its fields, where its text would be long.
local function pretty(t, required, indent)
  local text = quoted(t.text)
  if #text + #indent > WIDTH / 2 and t.kind == "struct" then
    local lines = {}
    for i, f in ipairs(t.of) do
      lines[i] = indent .. "  " .. key(f.name) .. " = " .. pretty(f.type, f.required, indent .. "  ") .. ",\n"
    end
    text = "{\n" .. table.concat(lines) .. indent .. "}"
  elseif #text + #indent > WIDTH / 2 and t.kind == "list" then
    text = "tm.list(" .. pretty(t.of[1].type, t.of[1].required, indent) .. ")"
  end
  return required and "{ " .. text .. ", required = true }" or text
end

---The same, a line for each field.
function schema_text.lines(s)
  if s.shapeless then return '"any"' end
  local lines = {}
  for i, f in ipairs(visible(s)) do
    local tree = type_text.tree(f.type)
    local plain = not (f.rename or f.default or f.required) and tree
    lines[i] = "  " .. (plain and key(f.name) .. " = " .. pretty(tree, false, "  ") or field(f)) .. "," ..
      (f.note and " -- " .. f.note or "") .. "\n"
  end
  return "tm.schema {\n" .. table.concat(lines) .. "}"
end

-- --- JSON

---An object: what is known of the columns of a source.
function schema_text.json(name, s)
  local parts = {}
  for i, f in ipairs(visible(s)) do
    parts[i] = ('{"name":%s,"type":%s,"required":%s%s%s}'):format(json_text.string(f.name), json_text.string(f.type),
      tostring(f.required), f.rename and ',"rename":' .. json_text.string(f.rename) or "",
      f.default and ',"default":' .. f.default or "")
  end
  return ('{"source":%s,"inferred":%s,"fields":[%s]}'):format(json_text.string(name), tostring(s.inferred or false),
    table.concat(parts, ","))
end

-- --- classes

local NAMES = { bool = "boolean", int = "integer", int64 = "tidemill.int64", double = "number", decimal = "tidemill.decimal",
  string = "string", bytes = "string", timestamp = "integer", any = "any" }

-- "order_items" and "order-items" become OrderItems.
local function class_name(text)
  local name = text:gsub("[^%w]+", " "):gsub("%f[%w](%w)(%w*)", function(first, rest) return first:upper() .. rest end)
  name = name:gsub(" ", "")
  return name:find("^%a") and name or "Record" .. name
end

local function member(name)
  if name:find("^[%a_][%w_]*$") then return name end
  return "[" .. quoted(name) .. "]"
end

local function type_name(t, classes, name)
  if t.kind == "list" then return type_name(t.of[1].type, classes, name) .. "[]" end
  if t.kind == "map" then
    local k = NAMES[t.of[1].type.kind]
    return ("table<%s, %s>"):format(k, type_name(t.of[2].type, classes, name))
  end
  if t.kind ~= "struct" then return NAMES[t.kind] end
  classes.wanted[#classes.wanted + 1] = { name = name, of = t.of }
  return name
end

local function free(classes, name)
  local n, candidate = 1, name
  while classes.taken[candidate] do
    n = n + 1
    candidate = name .. n
  end
  classes.taken[candidate] = true
  return candidate
end

local function write_class(classes, class)
  local lines = { "---@class " .. class.name }
  for _, f in ipairs(class.of) do
    local inner = f.type.kind
    if type_text.is_nested(f.type.text) then inner = free(classes, class.name .. class_name(f.name)) end
    lines[#lines + 1] = ("---@field %s %s%s"):format(member(f.name), type_name(f.type, classes, inner),
      (f.required or f.default or inner == "any") and "" or "?")
  end
  return table.concat(lines, "\n") .. "\n"
end

---Classes of the records of several sources.
---@param sources table[] { name =, schema = }
function schema_text.classes(sources)
  local classes, out = { taken = {}, wanted = {} }, { "---@meta\n-- Generated by `tidemill schema --luals`: the records of sources.\n" }
  for _, source in ipairs(sources) do
    local of = {}
    for i, f in ipairs(visible(source.schema)) do
      of[i] = { name = f.name, type = type_text.tree(f.type), required = f.required, default = f.default }
    end
    local name = free(classes, class_name((source.name:gsub("%.gz$", ""):gsub("%.zst$", ""):gsub("%.%w+$", ""))))
    if source.schema.shapeless then
      out[#out + 1] = ("---@alias %s table<string, any>\n"):format(name)
    else
      classes.wanted[#classes.wanted + 1] = { name = name, of = of }
    end
    while #classes.wanted > 0 do out[#out + 1] = write_class(classes, table.remove(classes.wanted, 1)) end
  end
  return table.concat(out, "\n")
end

-- --- sources

local function as_lua(sources)
  local parts = {}
  for i, s in ipairs(sources) do
    parts[i] = (#sources > 1 and ("-- %s (%s)\n"):format(s.name, s.where) or "") .. schema_text.lines(s.schema) .. "\n"
  end
  return table.concat(parts, "\n")
end

local function as_json(sources)
  local parts = {}
  for i, s in ipairs(sources) do parts[i] = schema_text.json(s.name, s.schema) end
  return '{"sources":[' .. table.concat(parts, ",") .. "]}\n"
end

---The schemas of a job's sources; "" when none of them has fields.
---@param form "lua"|"json"|"luals"
function schema_text.sources(nodes, form)
  local sources = {}
  for _, node in ipairs(nodes) do
    if node.kind == "source" and not node.declared.bare then
      sources[#sources + 1] = { name = node.name, where = node.where, schema = node.declared }
    end
  end
  if #sources == 0 then return "" end
  if form == "json" then return as_json(sources) end
  return form == "luals" and schema_text.classes(sources) or as_lua(sources)
end

return schema_text
