-- The functions of the views of one type, as generated Lua: reading an item, a field, an entry; length; walking. Generated per
-- type and not shared, for the same reason as getters of columns: constants, offsets and child types are then part of the trace.
local ffi = require "ffi.init"
local columns = require "codegen.columns"
local decimal = require "codegen.decimal"
local heat = require "codegen.heat"
local int64 = require "codegen.int64"
local layout = require "ffi.layout"
local parts = require "codegen.parts"
local slice = require "codegen.slice"
local views = require "codegen.views"
local writer = require "codegen.writer"

local view_text = {}

local quote = writer.quote

local HEAD = [[
local R = ...
local clock, stale, no_member, tree = R.clock, R.stale, R.no_member, R.tree
local bytes, int64s, ints, words, doubles, refs, decimals = R.bytes, R.int64s, R.ints, R.words, R.doubles, R.refs, R.decimals
local cast, int64, type, tonumber, floor, band, rshift, lshift = R.cast, R.int64, type, tonumber, R.floor, R.band, R.rshift, R.lshift
local rol, tobit, memcmp, text_cache, to_text, copy = R.rol, R.tobit, R.memcmp, R.text_cache, R.to_text, R.copy
local decimal_value, int64_value, any, head, row, C = R.decimal_value, R.int64_value, R.any, R.head, R.row, R.C
local slice = R.slice
]]

-- Names as a chunk without limits has them.
local plain = columns.names(false)

-- The paths of slices below the step `name`, nil where there are none.
local function below(slices, name)
  local paths = {}
  for _, path in ipairs(slices or {}) do
    if path:sub(1, #name + 1) == name .. "\0" then paths[#paths + 1] = path:sub(#name + 2) end
  end
  return paths[1] and paths
end

-- Declares what reading this type takes, once per function text; gives the expression of a value whose slot is at `p` and whose
-- references count from `at`.
---@param slices string[]? of the value; itself: ""
local function reader(w, id, tree, slices)
  local kind = tree.kind
  if kind == "double" then return "cast(doubles, p)[0]" end
  if kind == "int" or kind == "timestamp" then return "tonumber(cast(int64s, p)[0])" end
  if kind == "bool" then return "cast(int64s, p)[0] ~= 0" end
  if kind == "int64" then return "int64_value(cast(int64s, p)[0])" end
  if kind == "decimal" then return ("decimal_value(cast(decimals, p).low, cast(decimals, p).high, %d)"):format(tree.scale) end
  if slices and kind == "string" then return "slice(at + cast(refs, p).offset, cast(refs, p).length)" end
  if kind == "string" or kind == "bytes" then
    columns.write_text(w, plain, "text_" .. id)
    return ("text_%s(at + cast(refs, p).offset, cast(refs, p).length)"):format(id)
  end
  if kind == "any" then return "any(cast(int64, at + cast(refs, p).offset), clock.row, cast(refs, p).length)" end
  w:line("local view_%s = R.view(%s%s)", id, quote(tree.text), slices and ", " .. writer.list(slices) or "")
  return ("view_%s(cast(int64, at + cast(refs, p).offset), clock.row, cast(refs, p).length)"):format(id)
end

local function slot_bytes(tree) return tree.kind == "decimal" and 16 or 8 end

local CHECK = 'if v["\\255"] ~= clock.row then stale() end'
local ADDRESS = 'local at = cast(bytes, v["\\254"])'

local function begin(w, name, parameters)
  w:open("local function %s(%s)", name, parameters)
  w:line(CHECK)
  w:line(ADDRESS)
end

-- The value at index i, from 0, of `member` (items or values) of the head; it is there.
local function write_item(w, name, member, tree, slices)
  local read = reader(w, name, tree, slices)
  w:open("local function %s(at, i)", name)
  w:line("local h = cast(head, at)")
  w:line("local nulls = at + h.%s", member)
  w:line("if band(cast(ints, nulls)[rshift(i, 5)], lshift(1, band(i, 31))) ~= 0 then return nil end")
  w:line("local p = nulls + (8 * rshift(h.count + 63, 6) + %d * i)", slot_bytes(tree))
  w:line("return (%s)", read)
  w:close()
end

local function write_length(w)
  begin(w, "length", "v")
  w:line("return cast(head, at).count")
  w:close()
end

local kinds = {}

function kinds.list(w, tree, _, slices)
  write_item(w, "item", "items", tree.of[1].type, below(slices, parts.ITEM))
  begin(w, "index", "v, k")
  w:open('if type(k) == "number" then')
  w:line("if k >= 1 and k <= cast(head, at).count and k == floor(k) then return (item(at, k - 1)) end")
  w:line("return nil")
  w:close()
  w:line('if k == "copy" then return copy end')
  w:line("no_member(tree, k)")
  w:close()
  write_length(w)
  begin(w, "next_item", "v, i")
  w:line("if i < cast(head, at).count then return i + 1, (item(at, i)) end")
  w:close()
  w:line("return { index = index, length = length, next = next_item, next_item = next_item, first = 0 }")
end

function kinds.map(w, tree)
  local key = tree.of[1].type
  write_item(w, "value", "values", tree.of[2].type)
  local read = reader(w, "key", key)
  w:open("local function key(at, i)")
  w:line("local p = at + (cast(head, at).keys + 8 * i)")
  w:line("return (%s)", read)
  w:close()
  w:open("local function find(at, k)")
  if key.kind == "string" then
    w:line('if type(k) ~= "string" then return -1 end')
    w:line("return C.tm_map_find_text(cast(R.map, at), k, #k)")
  else
    w:line('if type(k) == "number" and k == floor(k) and k < 2^63 and k >= -2^63 then')
    w:line("  return C.tm_map_find_number(cast(R.map, at), cast(int64, k))")
    w:line("end")
    w:line("if R.is_int64(k) then return C.tm_map_find_number(cast(R.map, at), k.value) end")
    w:line("return -1")
  end
  w:close()
  begin(w, "index", "v, k")
  w:line("local i = find(at, k)")
  w:line("if i >= 0 then return (value(at, i)) end")
  w:line('if k == "copy" then return copy end')
  w:line("return nil")
  w:close()
  write_length(w)
  begin(w, "next_entry", "v, k")
  w:line("local i = k == nil and 0 or find(at, k) + 1")
  w:line("if i < cast(head, at).count then return key(at, i), (value(at, i)) end")
  w:close()
  w:line("return { index = index, length = length, next = next_entry }")
end

function kinds.struct(w, tree, l, slices)
  local has_copy = false
  w:line("local get, place = {}, {}")
  for i, f in ipairs(l.fields) do
    local read = reader(w, "f" .. i, tree.of[i].type, below(slices, f.name))
    w:open("get[%s] = function(at)", quote(f.name))
    if not f.required then w:line("if band(cast(row, at).%s, %d) ~= 0 then return nil end", f.null_member, f.null_bit) end
    w:line("local p = at + %d", f.offset)
    w:line("return (%s)", read)
    w:close()
    w:line("place[%s] = %d", quote(f.name), i)
    has_copy = has_copy or f.name == "copy"
  end
  begin(w, "index", "v, k")
  w:line("local get_field = get[k]")
  w:line("if get_field then return (get_field(at)) end")
  if not has_copy then w:line('if k == "copy" then return copy end') end
  w:line("no_member(tree, k)")
  w:close()
  begin(w, "next_field", "v, k")
  w:line("local i = k == nil and 0 or place[k]")
  for i, f in ipairs(l.fields) do -- no loop: it would stand within the user's
    w:open("if i < %d then", i)
    w:line("local x = get[%s](at)", quote(f.name))
    w:line("if x ~= nil then return %s, x end", quote(f.name))
    w:close()
  end
  w:close()
  w:line("return { index = index, next = next_field }")
end

-- --- at run time

local views_by_text = setmetatable({}, { __index = function(t, text)
  local ctype = views.of(text)
  t[text] = ctype
  return ctype
end })
view_text.views = views_by_text

---The schema of a struct's fields, as rows have it.
function view_text.schema(tree)
  local schema = tree.schema
  if not schema then
    schema = { fields = {}, by_name = {} }
    for i, f in ipairs(tree.of) do
      schema.fields[i] = { name = f.name, type = f.type.text, required = f.required, hidden = false }
      schema.by_name[f.name] = i
    end
    tree.schema = schema
  end
  return schema
end

local function memcmp(a, b, n) return ffi.C.memcmp(a, b, n) end
heat.share(memcmp)

local anchors = {} -- caches of texts, as long as the lua_State lives

---@param tree tidemill.type a list, map or struct
---@param slices string[]? paths of texts that are given as slices
---@return table functions { index, length, next, next_item, first }
function view_text.load(tree, slices)
  local w = writer.new()
  for line in HEAD:gmatch("[^\n]+") do w:line("%s", line) end
  local l = tree.kind == "struct" and layout.of(view_text.schema(tree)) or nil
  kinds[tree.kind](w, tree, l, slices)
  local any = require "codegen.any"
  local R = {
    clock = views.clock, stale = views.stale, no_member = views.no_member, tree = tree, view = views.of, slice = slice.at,
    bytes = ffi.typeof("uint8_t *"), int64s = ffi.typeof("int64_t *"), ints = ffi.typeof("int32_t *"),
    words = ffi.typeof("uint64_t *"), doubles = ffi.typeof("double *"), refs = ffi.typeof("struct tm_text_ref *"),
    decimals = ffi.typeof("struct tm_decimal_slot *"), cast = ffi.cast, int64 = ffi.typeof("int64_t"), floor = math.floor,
    band = bit.band, rshift = bit.rshift, lshift = bit.lshift, rol = bit.rol, tobit = bit.tobit, to_text = ffi.string,
    decimal_value = decimal.type, int64_value = int64.type, any = any.value, copy = views.copy, C = ffi.C, memcmp = memcmp,
    is_int64 = int64.is, map = ffi.typeof("const struct tm_map *"), row = l and l.pointer,
    head = ffi.typeof(tree.kind == "map" and "struct tm_map_head *" or "struct tm_list_head *"),
  }
  function R.text_cache()
    local entries = ffi.new("struct tm_text_seen[256]")
    anchors[#anchors + 1] = entries
    return ffi.cast("struct tm_text_seen *", entries)
  end
  local main = assert(loadstring(w:text(), "=tidemill:view:" .. tree.kind))
  heat.share(main)
  return main(R)
end


return view_text
