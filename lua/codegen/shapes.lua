-- Tables that a function gives to columns of type struct, where the analysis (bytecode.lua) has seen all of them made: which fields
-- they have, down to the last one. Then a writer reads just these and looks for no others (shaped.lua), so the trace compiler has
-- no table to make. Only in such tables, in fields of type string, texts may be slices (slice.lua); in all others they are strings.
local layout = require "ffi.layout"
local type_text = require "tidemill.type_text"
local values = require "codegen.values"

local shapes = {}

---@class codegen.shape
---@field fields table<string, codegen.shape.field> fields that some table may have
---@field places table[] { id =, outer = }: the tables by their place in the function, and those that they are stored in
---@field null boolean? it may be tm.null
---@field constants table<string, any[]>? of flat ones: fields that are the same in every row, by name
---@field flat boolean? of a column: its fields stand in the row's table (flat.lua)

---@class codegen.shape.field
---@field shape codegen.shape? of a struct, where its tables are known too
---@field text boolean? its strings are UTF-8 for sure
---@field slice boolean? it may be a slice

local FIELDS_MAX = 60 -- of a shape in all: they become local variables

-- Calls `found` for every slice in the value: one that is no row, or those of the rows that it may be.
local function each_slice(v, rows, seen, found)
  if v.slice then found(v.slice) end
  for id in pairs(v.set or v.rows or {}) do
    if not seen[id] then
      seen[id] = true
      for _, f in pairs(rows[id] and rows[id].fields or {}) do each_slice(f, rows, seen, found) end
    end
  end
end

---Is a slice in the fields of a table?
function shapes.has_slice(v, rows)
  local has = false
  if v.t == "row" then each_slice(v, rows, {}, function() has = true end) end
  return has
end

-- Makes strings of all slices in these values.
local function need_strings(a, list)
  for _, value in ipairs(list) do
    each_slice(value.v, value.rows, {}, function(slice)
      if type(slice) == "string" then a.strings[slice] = true else a.slices = false end
    end)
  end
end

-- The rows that the values are, nil where one may be anything else but nil; may one be tm.null?
local function rows_of(list)
  local found, null = {}, nil
  for _, value in ipairs(list) do
    if value.v.t ~= "row" and value.v.t ~= "nil" then return nil end
    null = null or value.v.null
    for id in pairs(value.v.set or {}) do
      local row = value.rows[id]
      if not row or row.p or row.open or row.dynamic or row.positional or row.copied then return nil end
      found[#found + 1] = { id = id, outer = value.outer, fields = row.fields, rows = value.rows }
    end
  end
  return found[1] and found, null
end

local function field_of(a, list)
  local field = { text = true, slice = false }
  local sure = true
  for _, value in ipairs(list) do
    local v = value.v
    field.text = field.text and values.is_text(v)
    field.slice = field.slice or v.slice ~= nil
    sure = sure and (values.is_text(v) or (v.slice ~= nil and v.t == "type"))
  end
  if field.slice and not sure then
    need_strings(a, list)
    field.slice = false
  end
  return field
end

local function build(a, tree, list, count, depth)
  if depth >= type_text.DEPTH_MAX then return nil end
  local rows, null = rows_of(list)
  if not rows then return nil end
  for _, row in ipairs(rows) do
    for key in pairs(row.fields) do if not tree.by_name[key] then return nil end end
  end
  local shape, seen = { fields = {}, places = {}, null = null }, {}
  for _, row in ipairs(rows) do -- a return may have been looked at several times
    local key = row.id .. " " .. row.outer
    if not seen[key] then shape.places[#shape.places + 1] = { id = row.id, outer = row.outer } end
    seen[key] = true
  end
  for _, f in ipairs(tree.of) do
    local given, is_given = {}, false
    for i, row in ipairs(rows) do
      local v = row.fields[f.name] or values.NIL
      given[i], is_given = { v = v, rows = row.rows, outer = row.id }, is_given or v.t ~= "nil"
    end
    count.n = count.n + 1
    if count.n > FIELDS_MAX then return nil end
    if is_given and f.type.kind == "string" then
      shape.fields[f.name] = field_of(a, given)
    elseif is_given then
      local inner = f.type.kind == "struct" and build(a, f.type, given, count, depth + 1)
      if not inner then need_strings(a, given) end
      shape.fields[f.name] = { shape = inner or nil }
    end
  end
  return shape
end

---Of the columns of a row that a function gives; and makes strings of slices in all other tables.
---@param a codegen.analysis
---@param exits table[] { value, rows }
---@param schema table
---@param passes table<string, string>
---@param sure boolean all rows are seen
---@return table<string, codegen.shape>
function shapes.of(a, exits, schema, passes, sure)
  local columns, found = {}, {}
  for _, exit in ipairs(exits) do
    if exit.value.t ~= "row" and exit.value.t ~= "type" then need_strings(a, { { v = exit.value, rows = exit.rows } }) end
    for id in pairs(exit.value.t == "row" and exit.value.set or {}) do
      local row = exit.rows[id]
      for name in pairs(row.fields) do columns[name] = columns[name] or {} end
      sure = sure and not row.open
    end
  end
  for name, list in pairs(columns) do
    for _, exit in ipairs(exits) do
      for id in pairs(exit.value.t == "row" and exit.value.set or {}) do
        local row = exit.rows[id]
        if not row.p then list[#list + 1] = { v = row.fields[name] or values.NIL, rows = exit.rows, outer = id } end
      end
    end
    local index = schema.by_name[name]
    local type_name = index and not passes[name] and schema.fields[index].type
    local is_struct = sure and type_name and layout.parse_type(type_name) == "struct"
    found[name] = is_struct and build(a, type_text.tree(type_name), list, { n = 0 }, 0) or nil
    if not found[name] then
      for _, value in ipairs(list) do if value.v.t ~= "type" then need_strings(a, { value }) end end
    end
  end
  return found
end

---How a column is read as a view: which texts in it are slices. Nil: none.
---@return { view: string[] }?
function shapes.slices_of(a, p, name)
  local paths = {}
  for path, slice in pairs(a.parts[p][name] or {}) do if not a.strings[slice] then paths[#paths + 1] = path end end
  table.sort(paths)
  return paths[1] and { view = paths }
end

return shapes
