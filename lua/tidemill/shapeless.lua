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

-- Does the function take `out`?
local function takes_out(fn)
  local info = require("jit.util").funcinfo(fn)
  return info.params >= 2 or info.isvararg or false
end

-- What functions get as `out`: it gives the records on as rows of one column, also those for side outputs.
---@param main boolean may it be called with a record alone?
---@return function put
---@return table under_way .out: the engine's, as long as a call lasts
local function putter(main)
  local under_way, records = {}, require "codegen.records"
  local is_record, copy = records.is, records.copy
  return function(x, y)
    if y ~= nil then under_way.out(x, { record = is_record(y) and copy(y) or y })
    elseif main then under_way.out { record = x }
    else under_way.out(x) end
  end, under_way
end

function wrap.map(props)
  local fn = props.fn
  props.given, props.returns = fn, record()
  if takes_out(fn) then
    local put, under_way = putter(false)
    props.gives_records = fn
    props.fn = function(e, out)
      under_way.out = out
      local r = fn(decode(e.record), put)
      if r == nil then nothing("map") end
      return { record = r }
    end
    return
  end
  props.fn = function(e)
    local r = fn(decode(e.record))
    if r == nil then nothing("map") end
    return { record = r }
  end
end

function wrap.key(props)
  local fn = props.fn
  props.fn = function(e) return fn(decode(e.record)) end
end
wrap.each, wrap.partition, wrap.event_time, wrap.gap = wrap.key, wrap.key, wrap.key, wrap.key

function wrap.filter(props)
  local fn = props.fn
  if not takes_out(fn) then return wrap.key(props) end
  local put, under_way = putter(false)
  props.gives_records = fn
  props.fn = function(e, out)
    under_way.out = out
    return fn(decode(e.record), put)
  end
end

function wrap.flat_map(props)
  local fn = props.fn
  local put, under_way = putter(true)
  props.given, props.returns, props.gives_records = fn, record(), fn
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
  if node.kind == "side" then
    node.shapeless, node.returns = true, record()
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
    local put, under_way = putter(false)
    node.gives_records = takes_out(fn) and fn or nil
    node.fn = node.gives_records and function(e, out)
      under_way.out = out
      local r = fn(e, put)
      if r == nil then nothing("the function") end
      return { record = r }
    end or function(e)
      local r = fn(e)
      if r == nil then nothing("the function") end
      return { record = r }
    end
  else
    local put, under_way = putter(true)
    node.gives_records = fn
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
    fault.raise("SCHEMA", at, node.verb == "side" and
      ("returns: the rows of side(%q) are records without a shape, as those of the operator that gives them"):format(node.tag)
      or "returns: records without a shape have no columns whose types assign could say", COLUMNS)
  end
  node.gives_records = nil
  if node.verb == "map" then
    node.fn = takes_out(fn) and function(e, out) return fn(decode(e.record), out) end
      or function(e) return fn(decode(e.record)) end
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
