-- Records: what user functions get for a row. A record is a value of a struct type without members, one type per
-- operator and instance, so it holds no pointer and nothing of the engine (ARCHITECTURE D12): names of columns
-- resolve through the functions given here, and only while its operator runs on that row.
local ffi = require "ffi.init"
local layout = require "ffi.layout"
local problem = require "codegen.problem"
local utf8 = require "tidemill.utf8"
local views = require "codegen.views"

local records = {}

local known = {} -- id of a record's type -> { names =, given = how many of them are the input's }

-- id of another object's type -> what walks over it: maps and lists of a process; the latter.
local walks, list_walks = {}, {}

---What pairs gives of objects of this type, and of a list ipairs too.
function records.set_walk(ctype, walk, is_list)
  walks[tonumber(ctype)] = walk
  list_walks[tonumber(ctype)] = is_list and walk or nil
end

---What gives the walk over the items of this object, if it is a list.
function records.list_walk(value)
  return type(value) == "cdata" and list_walks[tonumber(ffi.typeof(value))]
end

local function kind_of(record)
  if type(record) ~= "cdata" then return nil end
  return known[tonumber(ffi.typeof(record))]
end

---Is this value a record?
function records.is(value) return kind_of(value) ~= nil end

local function show(value)
  if type(value) == "string" then return '"' .. utf8.scrub(value) .. '"' end
  if value == nil then return "nil" end
  return tostring(value)
end

---As the record prints in text: `{ user = "u1", amount = 12.50 }`.
function records.text(record)
  local kind = kind_of(record)
  local parts = {}
  for i, name in ipairs(kind.names) do
    local value = record[name]
    if value ~= nil or i <= kind.given then parts[#parts + 1] = name .. " = " .. show(value) end
  end
  return "{ " .. table.concat(parts, ", ") .. " }"
end

---The record as a table of its own, which stays valid. Tables are copied too.
function records.copy(record)
  local kind = kind_of(record)
  local copy = {}
  if kind then
    for _, name in ipairs(kind.names) do copy[name] = views.deep(record[name]) end
  elseif views.type_of(record) then
    return views.copy(record)
  elseif type(record) == "table" then
    for k, v in pairs(record) do copy[k] = views.deep(v) end
  elseif type(record) == "string" then
    return record
  else
    problem.raise("USER_CODE", "copy takes a record, a list, map or struct of one, or a table, given " .. problem.show(record))
  end
  return copy
end

local function step(walk)
  local record, names, i = walk.record, walk.names, walk.i
  while i < #names do
    i = i + 1
    local value = record[names[i]]
    if value ~= nil then
      walk.i = i
      return names[i], value
    end
  end
  walk.i = i
end

---Columns of a record in their order, nulls left out as in a table. Makes no closure: code that does is not compiled.
function records.pairs(record)
  if views.type_of(record) then return views.pairs(record) end
  local walk = walks[tonumber(ffi.typeof(record))]
  if walk then return walk(record) end
  local kind = kind_of(record)
  if not kind then problem.raise("USER_CODE", "pairs takes a table or a record, given " .. problem.show(record)) end
  return step, { record = record, names = kind.names, i = 0 }, nil
end

local function part(value)
  if kind_of(value) then return records.text(value) end
  if type(value) == "string" or type(value) == "number" then return value end
  if type(value) == "cdata" then return tostring(value) end
  problem.raise("USER_CODE", "a record and " .. problem.show(value) .. " cannot be joined with ..")
end

-- The columns of the record that an operator's function gets, those of its input first, then those that a map's function may
-- assign beside them; and how many are the input's.
local function names_of(node)
  local names, a = {}, node.codegen.analysis
  for _, f in ipairs(node.input.fields) do if not f.hidden then names[#names + 1] = f.name end end
  local given = #names
  if node.verb ~= "map" or node.input.bare then return names, given end
  local any = not a.known or a.assigned_dynamic[1] or a.reads[1] == true
  for _, f in ipairs(node.schema.fields) do
    local there = node.input.by_name[f.name]
    if not f.hidden and not there and (any or a.assigned[1][f.name]) then names[#names + 1] = f.name end
  end
  return names, given
end

---A record whose columns are read by `index(_, name)`.
---@param node table derived
---@param index fun(_: any, name: any): any gives records.copy for "copy" where no column has that name
---@param assign fun(_: any, name: any, value: any) raises where columns cannot be assigned
function records.new(node, index, assign)
  local names, given = names_of(node)
  local name = layout.declare("tm_record", "{}")
  local ctype = ffi.metatype(name, {
    __index = index,
    __newindex = assign,
    __tostring = records.text,
    __concat = function(a, b) return part(a) .. part(b) end,
    __pairs = records.pairs,
  })
  known[tonumber(ctype)] = { names = names, given = given }
  return ctype(), ctype
end

local renewals = setmetatable({}, { __mode = "k" }) -- by the first record of a stage

local function kept()
  problem.raise("USER_CODE", "a record is used after the call that it was given to", "e:copy() keeps a record")
end

---The same where each call gets a record of its own, and those of earlier calls are no good any more: under test.
function records.strict(node, index, assign)
  local current
  local function check(self) if not rawequal(self, current) then kept() end end
  local first, ctype = records.new(node, function(self, name)
    check(self)
    return index(self, name)
  end, function(self, name, value)
    check(self)
    return assign(self, name, value)
  end)
  current = first
  renewals[first] = function()
    current = ctype()
    return current
  end
  return first
end

---What gives the next record of a stage whose first is this one.
function records.renewal(first) return renewals[first] or function() return first end end

return records
