-- Schemas: the columns of a stream's rows (shape: docs/internals/lua-side.md), and tm.schema { ... }.
local check = require "tidemill.check"
local fault = require "tidemill.fault"
local freeze = require "tidemill.freeze"
local order = require "tidemill.order"
local types = require "tidemill.types"

local schema = {}

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

---`user_id string, amount decimal(10,2)`: the visible columns for messages.
function schema.show(s)
  local parts = {}
  for _, f in ipairs(s.fields) do
    if not f.hidden then parts[#parts + 1] = f.name .. " " .. f.type end
  end
  return table.concat(parts, ", ")
end

local function field(at, what, name, given)
  local required = false
  if type(given) == "table" and not freeze.kind(given) then
    for k in pairs(given) do
      if k ~= 1 and k ~= "required" then
        fault.raise("SCHEMA", at,
          ("%s: a field is \"type\" or { \"type\", required = true }, given the key %s"):format(what,
          check.show(k)))
      end
    end
    if given.required ~= nil then required = check.boolean(at, what .. ": required", given.required) end
    given = given[1]
  end
  return { name = name, type = types.parse(given, at, what), required = required }
end

---Columns from a table as users write it: `{ user_id = "string", amount = { "decimal(10,2)", required = true } }`.
---@param call table { at =, file =, line = } of the caller
---@param what string "tm.schema"
function schema.declare(call, what, given)
  local at = call.at
  if given == "any" then
    fault.raise("SCHEMA", at, what .. ': schema = "any" cannot be used in this version',
      "declare the fields that the job uses; others are not looked at")
  end
  local declared = freeze.content(given, "schema")
  if declared then return declared end
  if type(given) ~= "table" or freeze.kind(given) then
    check.wrong(at, what, "a table of fields", given, 'for example { user_id = "string", amount = "decimal(10,2)" }')
  end
  local fields = {}
  for k in pairs(given) do
    if type(k) ~= "string" then
      fault.raise("SCHEMA", at, ("%s: fields are given by name, found %s at %s"):format(what, check.show(given[k]),
        check.show(k)), 'for example { user_id = "string", ts = "timestamp" }')
    end
  end
  for _, name in ipairs(order.keys(given, call.file, call.line)) do
    check.name(at, what .. ": the name of a field", name)
    if name:sub(1, 1) == "$" then
      fault.raise("SCHEMA", at, ('%s: field "%s": names that begin with $ are the engine\'s'):format(what, name))
    end
    fields[#fields + 1] = field(at, ('%s: field "%s"'):format(what, name), name, given[name])
  end
  if #fields == 0 then
    fault.raise("SCHEMA", at, what .. ": there are no fields", 'for example { user_id = "string", ts = "timestamp" }')
  end
  if #fields > 1024 then
    fault.raise("SCHEMA", at, ("%s: a schema has at most 1024 fields, given %d"):format(what, #fields))
  end
  return schema.make(fields)
end

return schema
