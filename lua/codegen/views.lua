-- Views: what user code holds of a list, map, struct or any value. A view is an address, the bytes there and the number of the
-- row that was under way when it was made; none of the three has a name that a script can say. Every use checks the number: a
-- view that is kept past its row is an error and never a read of memory that is gone. Views are never written to, by anybody.
--
-- Each type has a struct and a metatype of its own, made once per lua_State, with functions generated for it (view_text), so
-- that a trace sees constants; a view that does not leave a trace is never made at all.
local ffi = require "ffi.init"
local layout = require "ffi.layout"
local problem = require "codegen.problem"
local type_text = require "tidemill.type_text"
local utf8 = require "tidemill.utf8"
local writer = require "codegen.writer"

local views = {}

local type, tonumber = type, tonumber

-- Names of the members: address, number of the row, length of the bytes.
views.AT, views.ROW, views.LENGTH = "\254", "\255", "\253"
local AT, ROW, LENGTH = views.AT, views.ROW, views.LENGTH
local MEMBERS = "{ const int64_t \254; const double \255; const int32_t \253; }"

---The row under way: a number that chunks count up with every row, and behind the last one.
local clock = ffi.new("struct { double row; }")
views.clock = clock

local known = {}   -- id of a ctype -> tidemill.type
local made = {}    -- text of a type, with the paths of slices -> ctype

local function tree_of(value)
  if type(value) ~= "cdata" then return nil end
  return known[tonumber(ffi.typeof(value))]
end

---The type of a view; nil for all other values.
---@return tidemill.type?
views.type_of = tree_of

---Raised where a view is used that is older than the row under way.
function views.stale()
  problem.raise("USER_CODE", "a list, map or struct of a record is used after the call that the record was given to",
    "tm.copy(value) makes a table of it, which can be kept")
end

---The view, or an error when its row is gone.
function views.check(view)
  if view[ROW] ~= clock.row then views.stale() end
  return view
end

local EXAMPLES = { list = "its items are value[1] to value[#value]", map = "its values are value[key]",
  any = "its parts are value.name and value[number]" }

---Raised for a name or index that a value of this type cannot have.
function views.no_member(tree, key)
  if tree.kind ~= "struct" then
    problem.raise("UNKNOWN_FIELD", ("a %s has no field %s"):format(tree.kind, problem.show(key)), EXAMPLES[tree.kind])
  end
  local names = {}
  for i, f in ipairs(tree.of) do names[i] = f.name end
  local suggest = require "tidemill.suggest"
  problem.raise("UNKNOWN_FIELD", ("there is no field %s; the fields of this struct are %s"):format(problem.show(key),
    suggest.list(names)), type(key) == "string" and suggest.hint(key, names) or nil)
end

local function read_only()
  problem.raise("USER_CODE", "a list, map or struct of a record cannot be changed",
    "tm.copy(value) makes a table of it; give that to a column")
end

-- --- text, copies, comparison: for people and for the rare way

local function show(value)
  if type(value) == "string" then return '"' .. utf8.scrub(value) .. '"' end
  return tostring(value)
end

local function name_text(key)
  if type(key) == "string" and key:find("^[%a_][%w_]*$") then return key end
  return "[" .. show(key) .. "]"
end

---`{ "a", "b" }`, `{ street = "High Street", number = 5 }`.
function views.text(view)
  local parts = {}
  if views.is_list(view) then
    for i = 1, #view do parts[i] = show(view[i]) end
  else
    for k, v in views.pairs(view) do parts[#parts + 1] = name_text(k) .. " = " .. show(v) end
  end
  return #parts == 0 and "{}" or "{ " .. table.concat(parts, ", ") .. " }"
end

local function null() return require "tidemill.null" end

---Tables of its own: lists with tm.null where an item is null.
function views.copy(view)
  local copy = {}
  if views.is_list(view) then
    local n = #view
    if n == 0 then return require("codegen.any").array(copy) end
    for i = 1, n do
      local v = view[i]
      copy[i] = v == nil and null() or views.deep(v)
    end
  else
    for k, v in views.pairs(view) do copy[k] = v == nil and null() or views.deep(v) end
  end
  return copy
end

---A value, or the copy of it when it is a view.
function views.deep(value)
  if tree_of(value) then return views.copy(value) end
  return value
end

local function same(a, b)
  if not (tree_of(a) and tree_of(b)) then return a == b end
  local list = views.is_list(a)
  if list ~= views.is_list(b) then return false end
  if list then
    if #a ~= #b then return false end
    for i = 1, #a do if not same(a[i], b[i]) then return false end end
    return true
  end
  local count = 0
  for k, v in views.pairs(a) do
    count = count + 1
    if not same(v, b[k]) then return false end
  end
  for _ in views.pairs(b) do count = count - 1 end
  return count == 0
end

local function equal(a, b)
  local x, y = tree_of(a), tree_of(b)
  if not (x and y) then return false end
  views.check(a)
  views.check(b)
  if x == y and a[LENGTH] == b[LENGTH] and ffi.C.memcmp(ffi.cast("uint8_t *", a[AT]), ffi.cast("uint8_t *", b[AT]), a[LENGTH]) == 0 then
    return true
  end
  if x.kind == "struct" and x ~= y then return false end
  return same(a, b)
end

local function part(value)
  if tree_of(value) then return views.text(value) end
  if type(value) == "string" or type(value) == "number" then return value end
  if type(value) == "cdata" then return tostring(value) end
  problem.raise("USER_CODE", "a list, map or struct and " .. problem.show(value) .. " cannot be joined with ..")
end

-- --- walking

-- By type: { ctype, functions of view_text or any }
local functions = {}

local function functions_of(view) return functions[tonumber(ffi.typeof(view))] end

---Is it a list, or an array of type any?
function views.is_list(view)
  local tree = tree_of(view)
  if tree.kind == "any" then return functions_of(view).is_array(views.check(view)) end
  return tree.kind == "list"
end

---For `pairs`: items of a list by number, fields of a struct, which are not null, in their order, entries of a map in theirs.
function views.pairs(view)
  local f = functions_of(view)
  return f.next, views.check(view), f.first
end

---For `ipairs`: items of a list. All of them: a null does not end the walk.
function views.ipairs(view)
  local f = functions_of(view)
  if not f.next_item then
    problem.raise("USER_CODE", ("ipairs takes a list, given a %s"):format(tree_of(view).kind), "pairs walks over it")
  end
  return f.next_item, views.check(view), 0
end

-- --- types

local function define(tree, key, slices)
  local ctype = ffi.typeof(layout.declare("tm_view", MEMBERS))
  made[key] = ctype
  known[tonumber(ctype)] = tree
  local f = tree.kind == "any" and require("codegen.any").functions(tree, ctype)
    or require("codegen.view_text").load(tree, slices)
  functions[tonumber(ctype)] = f
  ffi.metatype(ctype, {
    __index = f.index, __len = f.length, __newindex = read_only, __eq = equal, __concat = function(a, b) return part(a) .. part(b) end,
    __tostring = views.text,
  })
  return ctype
end

---The views of a type: a ctype, called with address (int64), row and length.
---@param text string "list(int)"
---@param slices string[]? paths of texts in it (parts.lua) that it gives as slices (slice.lua), sorted
function views.of(text, slices)
  local key = slices and slices[1] and text .. "\0" .. table.concat(slices, "\0\0") or text
  local ctype = made[key]
  if ctype then return ctype end
  local tree = assert(type_text.tree(text), text)
  return define(tree, key, key ~= text and slices or nil)
end

---Text of a chunk that returns a column of the row `r`.
---@param field ffi.layout.field
---@param view string? local of the chunk that has the column's type of view
function views.read_column(field, view)
  local m = field.member
  local make = field.kind == "any" and "any_value" or view or ("views[%s]"):format(writer.quote(field.type))
  return ("return (%s(cast(int64, cast(bytes, r) + r.%s.offset), clock.row, r.%s.length))"):format(make, m, m)
end

---A column's value as generated code finds it, from bytes that lie anywhere as long as the row is under way.
function views.value(text, at, length)
  if text == "any" then return require("codegen.any").value(ffi.cast("int64_t", at), clock.row, length) end
  return views.of(text)(ffi.cast("int64_t", at), clock.row, length)
end

---The bytes of a view as a string.
function views.bytes(view)
  views.check(view)
  return ffi.string(ffi.cast("uint8_t *", view[AT]), view[LENGTH])
end

return views
