-- Nodes whose unknown types are taken for double, to print a chunk before its first rows have settled them.
local sketch = {}

local function schema_of(schema, made)
  if made[schema] then return made[schema] end
  local s = { fields = {}, by_name = schema.by_name, time_field = schema.time_field, bare = schema.bare }
  for i, f in ipairs(schema.fields) do
    s.fields[i] = { name = f.name, type = f.type == "?" and "double" or f.type, required = f.required, hidden = f.hidden }
  end
  made[schema] = s
  return s
end

function sketch.of(nodes)
  local list, made = {}, {}
  for i, node in ipairs(nodes) do
    local copy = {}
    for k, v in pairs(node) do copy[k] = v end
    copy.input, copy.schema = schema_of(node.input, made), schema_of(node.schema, made)
    list[i] = copy
  end
  return list
end

return sketch
