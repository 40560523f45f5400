-- Stands in for lua/codegen where a spec is about the builder: the schemas of functions that follow from the node alone
-- (filter, select, drop, and whatever declares :returns); others pass their input on.
local schema = require "tidemill.schema"

local stand_in = {}

local function identity(input)
  local passes = {}
  for _, f in ipairs(input.fields) do passes[f.name] = f.name end
  return passes
end

-- Keeps the event time of rows whose time column is not in `fields`.
local function with_time(node, fields, passes)
  local from = node.input.time_field and node.input.fields[node.input.time_field]
  local time
  for i, f in ipairs(fields) do if from and passes[f.name] == from.name then time = i end end
  if from and not time then
    fields[#fields + 1] = { name = schema.TIME, type = "timestamp", hidden = true }
    passes[schema.TIME], time = from.name, #fields
  end
  return schema.make(fields, time)
end

function stand_in.derive(node)
  local input = node.input
  local fields, passes = {}, {}
  node.reads = (node.verb == "select" or node.verb == "drop") and {} or true
  if node.verb == "select" then
    for _, name in ipairs(node.columns) do
      fields[#fields + 1] = input.fields[input.by_name[name]]
      passes[name] = name
    end
    node.schema, node.passes = with_time(node, fields, passes), passes
  elseif node.verb == "drop" then
    local gone = {}
    for _, name in ipairs(node.columns) do gone[name] = true end
    for _, f in ipairs(input.fields) do
      if not gone[f.name] then
        fields[#fields + 1] = f
        passes[f.name] = f.name
      end
    end
    node.schema, node.passes = with_time(node, fields, passes), passes
  elseif node.returns then
    for i, f in ipairs(node.returns.fields) do fields[i] = f end
    node.schema, node.passes = with_time(node, fields, passes), passes
  else
    node.passes = identity(input)
    for i, f in ipairs(input.fields) do fields[i] = f end
    for _, a in ipairs(node.assigns or {}) do
      fields[#fields + 1] = { name = a.name, type = "?" }
      node.passes[a.name] = nil
    end
    if node.verb == "key" then fields[#fields + 1] = { name = node.key_name, type = "?", hidden = true } end
    node.schema = schema.make(fields, input.time_field, input.bare)
  end
  return {}
end

return stand_in
