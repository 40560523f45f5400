-- Records without a shape (schema = "any"): a stream of one column of type any, whose functions get each record as a table of
-- their own, and whose tables are the record. The functions of such a stream are wrapped here, so that for the code
-- generator they are functions of an ordinary column.
local fault = require "tidemill.fault"
local schema = require "tidemill.schema"

local shapeless = {}

local COLUMNS = 'make columns of it first: :map(function(e) return { id = e.id } end):returns { id = "int" }'

-- What verbs do with such a stream; others need columns.
local record = function() return schema.record() end

local function decode(value) return require("codegen.views").deep(value) end

local function nothing(verb)
  require("codegen.problem").raise("USER_CODE", verb .. " returned nothing; it returns the record, a table",
    "to leave records out: :filter")
end

local wrap = {}

function wrap.map(props)
  local fn = props.fn
  props.given, props.returns = fn, record()
  props.fn = function(e)
    local r = fn(decode(e.record))
    if r == nil then nothing("map") end
    return { record = r }
  end
end

function wrap.filter(props)
  local fn = props.fn
  props.fn = function(e) return fn(decode(e.record)) end
end
wrap.key, wrap.each, wrap.partition, wrap.event_time, wrap.gap = wrap.filter, wrap.filter, wrap.filter, wrap.filter, wrap.filter

function wrap.flat_map(props)
  local fn, under_way = props.fn, {}
  props.given, props.returns = fn, record()
  local function put(r) under_way.out { record = r } end
  props.fn = function(e, out)
    under_way.out = out
    fn(decode(e.record), put)
  end
end

function wrap.assign(props)
  local assigns = props.assigns
  props.fn, props.assigns, props.returns = function(e)
    local r = decode(e.record)
    if type(r) ~= "table" then
      require("codegen.problem").raise("USER_CODE", "assign: the record has no fields: it is " .. type(r))
    end
    local values = {}
    for i = 1, #assigns do values[i] = assigns[i].fn(r) end
    for i = 1, #assigns do r[assigns[i].name] = values[i] end
    return { record = r }
  end, nil, record()
  props.verb = "map"
end

-- Operators that rows pass as they are, and those that look at no column.
local PASSES = { key_by = true, union = true, route = true, peek = true }
local LOOKS_AT_NONE = { rolling = true, sink = true }

local function refuse(at, verb)
  fault.raise("SCHEMA", at, ("%s: the records have no shape (their schema is any), and so no columns"):format(verb), COLUMNS)
end

---What a node that is to be added does with such records: its functions are wrapped, or it is refused.
function shapeless.adapt(node)
  local input = node.inputs and node.inputs[1]
  if not (input and input.shapeless) or LOOKS_AT_NONE[node.kind] or node.reads_shapeless then return end
  if PASSES[node.kind] then
    node.shapeless = true
    return
  end
  if node.kind ~= "function" or not wrap[node.verb] then refuse(node.where, node.verb) end
  wrap[node.verb](node)
  node.shapeless = node.verb ~= "each" or nil
end

---A function of such records as one of the column that holds them; others as they are.
function shapeless.reader(input, fn)
  if not input.shapeless then return fn end
  return function(e) return fn(decode(e.record)) end
end

local FUNCTION = { map = true, flat_map = true }

---The tables that a function of columns or texts makes are such records: :returns "any", and formats that are functions.
function shapeless.make(node, at)
  if node.shapeless then return end
  if not FUNCTION[node.verb] then
    fault.raise("SCHEMA", at, ('returns: "any" is for map and flat_map, whose tables are the records; not for %s'):format(
      node.verb == "side" and "side outputs" or node.verb))
  end
  local fn = node.fn
  if node.verb == "map" then
    node.fn = function(e)
      local r = fn(e)
      if r == nil then nothing("the function") end
      return { record = r }
    end
  else
    local under_way = {}
    local function put(r) under_way.out { record = r } end
    node.fn = function(e, out)
      under_way.out = out
      fn(e, put)
    end
  end
  node.returns, node.shapeless = schema.record(), true
end

---A map of such records is to have columns after all.
function shapeless.declare(node, at)
  if not node.shapeless then return end
  local fn = node.given
  if not fn then
    fault.raise("SCHEMA", at, "returns: records without a shape have no columns whose types assign could say", COLUMNS)
  end
  if node.verb == "map" then node.fn = function(e) return fn(decode(e.record)) end
  elseif node.verb == "flat_map" then node.fn = function(e, out) fn(decode(e.record), out) end end
  node.shapeless = nil
end

---A key by the name of a field: the function that gives it. A name with dots that no field has is a path.
function shapeless.key(name)
  local path = {}
  for part in name:gmatch("[^.]+") do path[#path + 1] = part end
  return function(e)
    if type(e) ~= "table" then return nil end
    local value = e[name]
    if value ~= nil or #path < 2 then return value end
    value = e
    for i = 1, #path do
      if type(value) ~= "table" then return nil end
      value = value[path[i]]
    end
    return value
  end
end

---Raises where columns are needed.
function shapeless.refuse(node, at, verb)
  if node.shapeless then refuse(at, verb) end
end

---Formats of sinks that write such a record as it is; "": tm.print, tm.discard.
shapeless.FORMATS = { [""] = true, json = true, msgpack = true }

return shapeless
