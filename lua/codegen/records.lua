-- Records: what user functions get for a row. A record is a value of a struct type without members, one type per
-- operator and instance, so it holds no pointer and nothing of the engine (ARCHITECTURE D12): names of columns
-- resolve through the functions given here, and only while its operator runs on that row.
local ffi = require "ffi.init"
local layout = require "ffi.layout"
local problem = require "codegen.problem"

local records = {}

local known = {} -- id of a record's type -> { names =, read = }

local function kind_of(record)
  if type(record) ~= "cdata" then return nil end
  return known[tonumber(ffi.typeof(record))]
end

---Is this value a record?
function records.is(value) return kind_of(value) ~= nil end

local function show(value)
  if type(value) == "string" then return '"' .. value .. '"' end
  if value == nil then return "nil" end
  return tostring(value)
end

---As the record prints in text: `{ user = "u1", amount = 12.50 }`.
function records.text(record)
  local kind = kind_of(record)
  local parts = {}
  for i, name in ipairs(kind.names) do parts[i] = name .. " = " .. show(record[name]) end
  return "{ " .. table.concat(parts, ", ") .. " }"
end

---The record as a table of its own, which stays valid. Tables are copied too.
function records.copy(record)
  local kind = kind_of(record)
  local copy = {}
  if kind then
    for _, name in ipairs(kind.names) do copy[name] = record[name] end
  elseif type(record) == "table" then
    for k, v in pairs(record) do copy[k] = v end
  elseif type(record) == "string" then
    return record
  else
    problem.raise("USER_CODE", "copy takes a record, given " .. problem.show(record))
  end
  return copy
end

---Columns of a record in their order, nulls left out as in a table.
function records.pairs(record)
  local kind = kind_of(record)
  if not kind then problem.raise("USER_CODE", "pairs takes a table or a record, given " .. problem.show(record)) end
  local names, i = kind.names, 0
  return function()
    while i < #names do
      i = i + 1
      local value = record[names[i]]
      if value ~= nil then return names[i], value end
    end
  end
end

local function part(value)
  if kind_of(value) then return records.text(value) end
  if type(value) == "string" or type(value) == "number" then return value end
  if type(value) == "cdata" then return tostring(value) end
  problem.raise("USER_CODE", "a record and " .. problem.show(value) .. " cannot be joined with ..")
end

---A record whose columns are read by `index(_, name)`.
---@param names string[] visible columns
---@param index fun(_: any, name: any): any gives records.copy for "copy" where no column has that name
---@param assign fun(_: any, name: any, value: any) raises where columns cannot be assigned
function records.new(names, index, assign)
  local name = layout.declare("tm_record", "{}")
  local ctype = ffi.metatype(name, {
    __index = index,
    __newindex = assign,
    __tostring = records.text,
    __concat = function(a, b) return part(a) .. part(b) end,
    __pairs = records.pairs,
  })
  known[tonumber(ctype)] = { names = names }
  return ctype()
end

return records
