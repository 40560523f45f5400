-- Schemas: the columns of a stream's rows (shape: docs/internals/lua-side.md), and tm.schema { ... }.
local check = require "tidemill.check"
local fault = require "tidemill.fault"
local freeze = require "tidemill.freeze"
local json_text = require "tidemill.json_text"
local order = require "tidemill.order"
local suggest = require "tidemill.suggest"
local type_text = require "tidemill.type_text"
local types = require "tidemill.types"
local utf8 = require "tidemill.utf8"

local schema = {}

schema.RECORD = "record" -- the column of type any that holds records without a shape
schema.TIME = "$time" -- the hidden column that carries a row's event time where no visible one does

---A schema from its columns.
---@param fields table[] { name =, type =, required =, hidden = } in column order
---@param time_field integer? 1-based
---@param bare boolean?
function schema.make(fields, time_field, bare)
  local s = { fields = {}, by_name = {}, time_field = time_field, bare = bare or nil }
  for i, f in ipairs(fields) do
    s.fields[i] = { name = f.name, type = f.type, required = f.required or false, hidden = f.hidden or false }
    s.by_name[f.name] = i
  end
  return s
end

---Are all types known?
function schema.settled(s)
  for _, f in ipairs(s.fields) do if f.type == types.UNKNOWN then return false end end
  return true
end

---The schema of text records: one string.
function schema.line()
  return schema.make({ { name = "line", type = "string", required = true } }, nil, true)
end

---The schema of raw inputs: the bytes of each.
function schema.data() return schema.make { { name = "data", type = "bytes", required = true } } end

---`user_id string, amount decimal(10,2)`: the visible columns for messages.
function schema.show(s)
  local parts = {}
  for _, f in ipairs(s.fields) do
    if not f.hidden then parts[#parts + 1] = f.name .. " " .. f.type end
  end
  return table.concat(parts, ", ")
end

-- --- types of fields, as users write them

-- What a field is called in the source: any text, as JSON and CSV allow; also none, as the index that pandas writes.
local function check_source_name(at, what, name)
  if type(name) ~= "string" or #name > 255 or name:find("%z") or not utf8.is_valid(name) then
    check.wrong(at, what, "the field's name in the source, a text of up to 255 bytes", name,
      'for example amount = { "decimal(10,2)", rename = "amt" }')
  end
end

local struct_of, field_of

local KEYS = { true, required = true, rename = true, default = true }

local function plain_field(call, what, given)
  local t, required, said = field_of(call, what, given)
  if said then
    fault.raise("SCHEMA", call.at, what .. ": rename and default are for the columns of a source", "change it in a map")
  end
  return t, required
end

-- "int", tm.list(...), tm.schema {...}, { street = "string" }: the tree of the type.
local function type_of(call, what, given)
  if type(given) ~= "table" then return type_text.tree(types.parse(given, call.at, what)) end
  local list = freeze.content(given, "list")
  if list then
    if list.options then
      fault.raise("SCHEMA", call.at, ("%s: a list with options is an aggregate; the type of a list has none"):format(what),
        ('say tm.list(%s)'):format(check.show(list.given)))
    end
    local item, required = plain_field(call, what .. ": its items", list.given)
    return type_text.make("list", { { name = "item", type = item, required = required } })
  end
  local map = freeze.content(given, "map")
  if map then return map end
  local declared = freeze.content(given, "schema")
  if declared then
    local of = {}
    for i, f in ipairs(declared.fields) do of[i] = { name = f.name, type = type_text.tree(f.type), required = f.required } end
    return type_text.make("struct", of)
  end
  if freeze.kind(given) then
    check.wrong(call.at, what, "a type", given, 'for example "int", tm.list("string"), or { street = "string" } for a struct')
  end
  return struct_of(call, what, given)
end

-- A field as it is given: its type, or a table of its type and what else is said of it.
---@return tidemill.type type
---@return boolean required
---@return { rename: string?, default: any }? said what is said of a column of a source
function field_of(call, what, given)
  local at = call.at
  if type(given) ~= "table" or freeze.kind(given) or given[1] == nil then return type_of(call, what, given), false end
  local required = false
  for k in pairs(given) do
    if not KEYS[k] then
      fault.raise("SCHEMA", at,
        ("%s: a field is \"type\" or { \"type\", required =, rename =, default = }, given the key %s"):format(what,
        check.show(k)), type(k) == "string" and suggest.hint(k, { "required", "rename", "default" }) or nil)
    end
  end
  if given.required ~= nil then required = check.boolean(at, what .. ": required", given.required) end
  if given.rename ~= nil then check_source_name(at, what .. ": rename", given.rename) end
  if given.default ~= nil and required then
    fault.raise("SCHEMA", at, what .. ": a field with a default is never missing: required says nothing",
      "leave one of the two out")
  end
  return type_of(call, what, given[1]), required, (given.rename ~= nil or given.default ~= nil) and given or nil
end

local function check_name(at, what, name)
  check.name(at, what .. ": the name of a field", name)
  if name:sub(1, 1) == "$" then
    fault.raise("SCHEMA", at, ('%s: field "%s": names that begin with $ are the engine\'s'):format(what, name))
  end
end

-- Fields by name, in the order of the text.
local function fields_of(call, what, given)
  local fields = {}
  for k in pairs(given) do
    if type(k) ~= "string" then
      fault.raise("SCHEMA", call.at, ("%s: fields are given by name, found %s at %s"):format(what, check.show(given[k]),
        check.show(k)), 'for example { user_id = "string", ts = "timestamp" }')
    end
  end
  for _, name in ipairs(order.keys(given, call.file, call.line)) do
    check_name(call.at, what, name)
    local t, required, said = field_of(call, ('%s: field "%s"'):format(what, name), given[name])
    fields[#fields + 1] = { name = name, type = t, required = required, said = said }
  end
  if #fields == 0 then
    fault.raise("SCHEMA", call.at, what .. ": there are no fields", 'for example { user_id = "string", ts = "timestamp" }')
  end
  if #fields > 1024 then
    fault.raise("SCHEMA", call.at, ("%s: a schema has at most 1024 fields, given %d"):format(what, #fields))
  end
  return fields
end

local nesting = 0

function struct_of(call, what, given)
  nesting = nesting + 1
  if nesting > type_text.DEPTH_MAX then
    nesting = 0
    fault.raise("SCHEMA", call.at, ("%s: it is more than %d levels deep"):format(what, type_text.DEPTH_MAX))
  end
  local of = fields_of(call, what, given)
  nesting = nesting - 1
  for _, f in ipairs(of) do
    if f.said then
      fault.raise("SCHEMA", call.at, ('%s: field "%s": rename and default are for the columns of a source, not for fields in them')
        :format(what, f.name), "change it in a map")
    end
  end
  return type_text.make("struct", of)
end

-- A type as a whole: it must be one that its text can say.
local function whole(call, what, made)
  local t, wrong = type_text.parse(made.text)
  if not t then fault.raise("TYPE", call.at, ("%s: %s"):format(what, wrong.message), wrong.hint) end
  return t
end

---`tm.list("string")`, `tm.list { sku = "string", quantity = "int" }`: the type of a list. A text may be a field instead, where
---the object is used as an aggregate: which of the two is known there.
---@param options table? of an aggregate, checked
---@return table object of kind "list": { given =, options = }
function schema.list(call, item, options)
  if type(item) ~= "string" then type_of(call, "tm.list", freeze.object("list", { given = item })) end
  return freeze.object("list", { given = item, options = options })
end

---`tm.map("string", "double")`: the type of a map. Keys of a state can be of any type of single values; those of a column are
---looked at where a schema takes it.
function schema.map(call, key, value)
  nesting = 0
  local k = type_of(call, "tm.map: its keys", key)
  local v, required = plain_field(call, "tm.map: its values", value)
  local made = type_text.make("map", { { name = "key", type = k, required = true }, { name = "value", type = v, required = required } })
  if k.of or k.kind == "any" then
    fault.raise("TYPE", call.at, ("tm.map: the keys of a map are single values, not of type %s"):format(k.text),
      "for example a text of its parts: a .. \"/\" .. b")
  end
  return freeze.object("map", made)
end

-- Keeps rename, and default as JSON text, with a column.
local function say(call, what, f, said)
  if not said then return end
  f.rename = said.rename ~= f.name and said.rename or nil
  if said.default == nil then return end
  f.default = json_text.encode(said.default)
  if not f.default then
    check.wrong(call.at, ('%s: field "%s": default'):format(what, f.name), "a value of type " .. f.type, said.default)
  end
end

---The schema of records without a shape: one value of type any.
function schema.record()
  local s = schema.make({ { name = schema.RECORD, type = "any" } })
  s.shapeless = true
  return s
end

---Columns from a table as users write it: `{ user_id = "string", amount = { "decimal(10,2)", required = true } }`.
---@param call table { at =, file =, line = } of the caller
---@param what string "tm.schema"
function schema.declare(call, what, given)
  local at = call.at
  if given == "any" then
    if what:find("^tm%.schema") then
      fault.raise("SCHEMA", at, what .. ': "any" is said of a source, or by :returns "any": records without a shape',
        'for example tm.file { path = "in.jsonl", schema = "any" }')
    end
    return schema.record()
  end
  local declared = freeze.content(given, "schema")
  if declared then return declared end
  if type(given) ~= "table" or freeze.kind(given) then
    check.wrong(at, what, "a table of fields", given, 'for example { user_id = "string", amount = "decimal(10,2)" }')
  end
  nesting = 0
  local fields = fields_of(call, what, given)
  for _, f in ipairs(fields) do
    f.type = whole(call, ('%s: field "%s"'):format(what, f.name), f.type).text
  end
  local s = schema.make(fields)
  for i, f in ipairs(fields) do say(call, what, s.fields[i], f.said) end
  return s
end

---What rename and default are for C: options of the source's format.
---@return { name: string, value: string }[]
function schema.options(s)
  local options = {}
  for _, f in ipairs(s.fields) do
    if f.rename then options[#options + 1] = { name = "rename." .. f.name, value = f.rename } end
    if f.default then options[#options + 1] = { name = "default." .. f.name, value = f.default } end
  end
  if s.shapeless then options[#options + 1] = { name = "whole", value = schema.RECORD } end
  return options
end

---Raises where rename or default stand and nothing is read.
function schema.refuse_options(at, what, s)
  for _, f in ipairs(s.fields) do
    local name = f.rename and "rename" or f.default and "default"
    if name then
      fault.raise("SCHEMA", at, ('%s: field "%s": %s is for sources: what a record has that is read'):format(what, f.name, name),
        name == "rename" and "an output's columns are named by :map or :select" or "a null is replaced in a :map or :assign")
    end
  end
end

return schema
