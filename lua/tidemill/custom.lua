-- tm.aggregate: an aggregate in Lua. Its accumulator has typed fields; `add` puts a row into it, `merge` another accumulator,
-- `result` makes columns of it. What is checked here is how it is declared; what its functions do: lua/codegen/accumulate.lua.
local check = require "tidemill.check"
local fault = require "tidemill.fault"
local fit = require "codegen.fit"
local freeze = require "tidemill.freeze"
local order = require "tidemill.order"
local schema = require "tidemill.schema"
local type_text = require "tidemill.type_text"

local custom = {}

local EXAMPLE = 'for example tm.aggregate { accumulator = { sum = "double", n = "int" }, add = function(a, e) ... end }'

-- Where an accumulator begins; what is not here begins as null.
local function zero(text)
  local kind = type_text.kind(text)
  if kind == "int" or kind == "double" then return 0 end
  if kind == "string" or kind == "bytes" then return "" end
  if kind == "bool" then return false end
  if kind == "int64" or kind == "decimal" then
    local _, value = fit.value({ type = text }, 0)
    return value
  end
end

-- `"int"` or `{ "int", default = 1 }`.
local function split(at, what, name, given)
  if type(given) ~= "table" or freeze.kind(given) or given[1] == nil then return given, nil, false end
  for k in pairs(given) do
    if k ~= 1 and k ~= "default" then
      fault.raise("SCHEMA", at,
        ('%s "%s": a field is "type" or { "type", default = value }, given the key %s')
        :format(what, name, check.show(k)), k == "required" and "give it a default; every field can become nil" or nil)
    end
  end
  return given[1], given.default, given.default ~= nil
end

---The fields of an accumulator: their schema, and what each begins as.
---@param what string "tm.aggregate: accumulator"
---@return table schema, table defaults by column; nil: null
function custom.accumulator(call, what, given)
  local at = call.at
  if type(given) ~= "table" or freeze.kind(given) or next(given) == nil then
    check.wrong(at, what, "a table of its fields", given, 'for example { sum = "double", n = "int" }')
  end
  local kinds, starts, set = {}, {}, {}
  for _, name in ipairs(order.keys(given, call.file, call.line)) do
    kinds[name], starts[name], set[name] = split(at, what, name, given[name])
  end
  for k, v in pairs(given) do if type(k) ~= "string" then kinds[k] = v end end -- said by schema.declare
  local s = schema.declare(call, what, kinds)
  local defaults = {}
  for i, f in ipairs(s.fields) do
    if set[f.name] then
      if type_text.is_nested(f.type) or f.type == "any" then
        fault.raise("ARGUMENT", at, ('%s "%s": %s begins as nil and has no default'):format(what, f.name, f.type),
          ("give it its value in add: if a.%s == nil then ... end"):format(f.name))
      end
      local fits, value = fit.value(f, starts[f.name])
      if not fits then
        check.wrong(at, ('%s "%s": default'):format(what, f.name), "a value of type " .. f.type, starts[f.name])
      end
      defaults[i] = value
    else
      defaults[i] = zero(f.type)
    end
  end
  return s, defaults
end

---tm.aggregate { accumulator = { sum = "double", n = "int" }, add = function(a, e) ... end, merge =, result =, returns = }
---@param call table { at =, file =, line = }
function custom.new(call, given)
  if type(given) ~= "table" or freeze.kind(given) then check.wrong(call.at, "tm.aggregate", "a table", given, EXAMPLE) end
  local function any(_, _, v) return v end
  local values = check.options(call.at, "tm.aggregate", given, { accumulator = any, add = check.func, merge = check.func,
    result = check.func, returns = any })
  if values.accumulator == nil then
    fault.raise("ARGUMENT", call.at, "tm.aggregate: accumulator is missing: the fields that it keeps, with their types", EXAMPLE)
  end
  if not values.add then
    fault.raise("ARGUMENT", call.at, "tm.aggregate: add is missing: what a row changes in the accumulator",
      "for example add = function(a, e) a.n = a.n + 1 end")
  end
  if values.returns ~= nil and not values.result then
    fault.raise("ARGUMENT", call.at, "tm.aggregate: returns are the columns of result, which is missing",
      "without result, the accumulator's fields are the columns")
  end
  local s, defaults = custom.accumulator(call, "tm.aggregate: accumulator", values.accumulator)
  return freeze.object("custom aggregate", { schema = s, defaults = defaults, add = values.add, merge = values.merge,
    result = values.result, returns = values.returns ~= nil and schema.declare(call, "tm.aggregate: returns", values.returns) or nil })
end

return custom
