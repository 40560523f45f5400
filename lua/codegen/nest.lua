-- Writing nested values: what user code gives to a column of type list, map, struct or any - tables, views, records - becomes
-- bytes as core/batch/row.ffi.h has them, and a view of these. They lie in an arena that is used anew with the next row, and do
-- not move while the row is under way. Functions are generated per type, as those of views are.
local ffi = require "ffi.init"
local any_writer = require "codegen.any_writer"
local arena = require "codegen.arena"
local explain = require "codegen.explain"
local fit = require "codegen.fit"
local heat = require "codegen.heat"
local layout = require "ffi.layout"
local list = require "codegen.list"
local records = require "codegen.records"
local take = require "codegen.take"
local type_text = require "tidemill.type_text"
local view_text = require "codegen.view_text"
local views = require "codegen.views"
local writer = require "codegen.writer"

local nest = {}

local quote = writer.quote
local A = arena.state

local HEAD = [[
local R = ...
local A, null, istype, view, bad, copy_view, plain, other = R.A, R.null, R.istype, R.view, R.bad, R.copy_view, R.plain, R.other
local open, text_at, nested, any = R.open, R.text_at, R.nested, R.any
local cast, type, next, floor, bor, band, lshift, rshift = R.cast, type, next, R.floor, R.bor, R.band, R.lshift, R.rshift
local row, doubles, int64s, ints, refs, decimals, head, is_utf8 = R.row, R.doubles, R.int64s, R.ints, R.refs, R.decimals, R.head, R.is_utf8
local fit_decimal, fit_int64, list_length = R.fit_decimal, R.fit_int64, R.list_length
]]

-- Writes the store of the local `x`, a checked value that is not null, into the slot `slot` bytes behind the offset `at`; what
-- it refers to counts from `from`.
local function write_store(w, tree, at, from)
  local kind = tree.kind
  local p = ("A.base + (%s)"):format(at)
  if kind == "double" then w:line("cast(doubles, %s)[0] = x", p)
  elseif kind == "int" or kind == "timestamp" then w:line("cast(int64s, %s)[0] = x", p)
  elseif kind == "bool" then w:line("cast(int64s, %s)[0] = x and 1 or 0", p)
  elseif kind == "int64" then w:line("cast(int64s, %s)[0] = x.value", p)
  elseif kind == "decimal" then
    w:line("local d = cast(decimals, %s)", p)
    w:line("d.low, d.high = x.low, x.high")
  else
    if kind == "string" or kind == "bytes" then w:line("local off = text_at(x)")
    elseif kind == "any" then w:line("local off = any(x)")
    else w:line("local off = nested[%s](x)", quote(tree.text)) end
    w:line("local ref = cast(refs, %s)", p)
    w:line("ref.offset, ref.length = off - %s, A.used - off", from)
  end
end

-- One value: `x` is checked as a column's is, and stored; `on_null` is what a null does.
local function write_value(w, field, at, from, on_null)
  local tree = field.type
  if type_text.is_nested(tree.text) or tree.kind == "any" then
    w:line("if x == null then x = nil end")
    if field.required then w:line("if x == nil then bad() end") end
  else
    take.check(w, "x", { name = field.name, type = tree.text, required = field.required }, "bad(%s, %s)")
  end
  if field.required then
    write_store(w, tree, at, from)
    return
  end
  w:open("if x ~= nil then")
  write_store(w, tree, at, from)
  w:middle("else")
  w:line(on_null)
  w:close()
end

local function slot_bytes(tree) return tree.kind == "decimal" and 16 or 8 end

local kinds = {}

function kinds.struct(w, tree, l)
  w:line("local known = {}")
  for _, f in ipairs(tree.of) do w:line("known[%s] = true", quote(f.name)) end
  w:open("local function write(x)")
  w:line("if istype(view, x) then return copy_view(x) end")
  w:line('if type(x) ~= "table" then x = plain(x) end')
  take.check_keys(w, "x", "known", #tree.of, "bad()")
  w:line("local t, at = x, open(%d)", l.fixed_bytes)
  for i, f in ipairs(tree.of) do
    w:open("do")
    w:line("local x = t[%s]", quote(f.name))
    local m = l.fields[i]
    write_value(w, f, ("at + %d"):format(m.offset), "at",
      ("local r = cast(row, A.base + at) r.%s = bor(r.%s, %d)"):format(m.null_member, m.null_member, m.null_bit))
    w:close()
  end
  w:line("local size = A.used - at")
  w:line("if band(size, 7) ~= 0 then size = size + (8 - band(size, 7)) R.pad() end")
  w:line("cast(ints, A.base + at)[0] = size")
  w:line("return at")
  w:close()
end

-- So many items of a list are written one by one: no loop stands in the way of the trace of the row, also where the list is given
-- to a field of the record, out of which a loop's trace could not return.
local ITEMS_ONE_BY_ONE = 4

function kinds.list(w, tree)
  local item = tree.of[1]
  w:open("local function put(t, at, words, i)")
  w:line("local x = t[i + 1]")
  write_value(w, item, ("at + (16 + words) + i * %d"):format(slot_bytes(item.type)), "at",
    "local b = cast(ints, A.base + at + 16) b[rshift(i, 5)] = bor(b[rshift(i, 5)], lshift(1, band(i, 31)))")
  w:close()
  w:open("local function write(x)")
  w:line("if istype(view, x) then return copy_view(x) end")
  w:line("local n")
  w:line('if type(x) == "table" then n = list_length(x)')
  w:line("else x = other(x) n = #x end")
  w:line("if n < 0 or n > 8388608 then bad() end")
  w:line("local t = x")
  w:line("local words = 8 * rshift(n + 63, 6)")
  w:line("local at = open(16 + words + n * %d)", slot_bytes(item.type))
  for i = 0, ITEMS_ONE_BY_ONE - 1 do
    w:open("if n > %d then", i)
    w:line("put(t, at, words, %d)", i)
  end
  w:line("for i = %d, n - 1 do put(t, at, words, i) end", ITEMS_ONE_BY_ONE)
  for _ = 1, ITEMS_ONE_BY_ONE do w:close() end
  w:line("R.pad()")
  w:line("local h = cast(head, A.base + at)")
  w:line("h.size_bytes, h.count, h.items = A.used - at, n, 16")
  w:line("return at")
  w:close()
end

-- Keys are sorted by R.keys, in Lua: maps are small, and the order must be that of C.
function kinds.map(w, tree)
  local key, value = tree.of[1], tree.of[2]
  w:open("local function write(x)")
  w:line("if istype(view, x) then return copy_view(x) end")
  w:line('if type(x) ~= "table" then x = plain(x) end')
  w:line("local t, keys = x, R.keys(x)")
  w:line("local n = #keys")
  w:line("local words = 8 * rshift(n + 63, 6)")
  w:line("local at = open(16 + 8 * n + words + n * %d)", slot_bytes(value.type))
  w:open("for i = 0, n - 1 do")
  w:line("local k = keys[i + 1]")
  w:open("do")
  w:line("local x = k")
  write_value(w, { name = "key", type = key.type, required = true }, "at + 16 + i * 8", "at")
  w:close()
  w:line("local x = t[k]")
  write_value(w, value, ("at + (16 + 8 * n + words) + i * %d"):format(slot_bytes(value.type)), "at",
    "local b = cast(ints, A.base + at + (16 + 8 * n)) b[rshift(i, 5)] = bor(b[rshift(i, 5)], lshift(1, band(i, 31)))")
  w:close()
  w:line("R.pad()")
  w:line("local h = cast(head, A.base + at)")
  w:line("h.size_bytes, h.count, h.keys, h.values = A.used - at, n, 16, 16 + 8 * n")
  w:line("return at")
  w:close()
end

-- --- at run time

-- What is being written, for messages: the value, its type, its column, and the way from there.
local root, root_type, root_name, root_path

local function bad() explain.raise(root_type, root, root_name, root_path) end

-- A view of the same type is copied as it is.
local function copy_view(view)
  views.check(view)
  local at = arena.open(view[views.LENGTH])
  ffi.copy(A.base + at, ffi.cast("uint8_t *", view[views.AT]), view[views.LENGTH])
  return at
end

-- Structs and maps from what is no table: a record, or a view of another type.
local function plain(x)
  local tree = views.type_of(x)
  if tree and tree.kind ~= "list" and not views.is_list(x) then
    local t = {}
    for k, v in views.pairs(x) do t[k] = v end
    return t
  end
  if not tree and records.is(x) then
    local t = {}
    for k, v in records.pairs(x) do t[k] = v end
    return t
  end
  bad()
end

-- Lists from what is no table: a view of another type.
local function other(x)
  if views.type_of(x) and views.is_list(x) then return x end
  bad()
end

-- Keys of a map in the order of C: numbers by value, strings bytewise, as Lua compares them in the C locale.
local function sorted_keys(kind)
  local function before(a, b) return a < b end
  return function(t)
    local keys, n = {}, 0
    for k in next, t do
      if kind ~= "string" and type(k) ~= "number" or kind == "string" and type(k) ~= "string" then bad() end
      n = n + 1
      keys[n] = k
    end
    if n > 1 then table.sort(keys, before) end
    return keys
  end
end

for _, fn in ipairs { copy_view, plain, other, any_writer.write, sorted_keys } do heat.share(fn) end

local writers = {}
setmetatable(writers, { __index = function(t, text)
  local write = nest.load(type_text.tree(text))
  t[text] = write
  return write
end })

---The function that writes values of a type to the arena and gives their offset.
function nest.load(tree)
  if tree.kind == "any" then return function(x) return any_writer.write(x, bad) end end
  local w = writer.new()
  for line in HEAD:gmatch("[^\n]+") do w:line("%s", line) end
  local l = tree.kind == "struct" and layout.of(view_text.schema(tree)) or nil
  kinds[tree.kind](w, tree, l)
  w:line("return write")
  local found, null = pcall(require, "tidemill.null")
  local R = {
    A = A, null = found and null or {}, istype = ffi.istype, view = views.of(tree.text), bad = bad, copy_view = copy_view,
    plain = plain, other = other, open = arena.open, text_at = arena.text, nested = writers, pad = arena.pad,
    any = function(x) return any_writer.write(x, bad) end, cast = ffi.cast, floor = math.floor, bor = bit.bor, band = bit.band,
    lshift = bit.lshift, rshift = bit.rshift, row = l and l.pointer, doubles = ffi.typeof("double *"),
    int64s = ffi.typeof("int64_t *"), ints = ffi.typeof("int32_t *"), refs = ffi.typeof("struct tm_text_ref *"),
    decimals = ffi.typeof("struct tm_decimal_slot *"), is_utf8 = fit.is_utf8, fit_decimal = fit.decimal, fit_int64 = fit.int64,
    list_length = list.length, head = ffi.typeof(tree.kind == "map" and "struct tm_map_head *" or "struct tm_list_head *"),
    keys = tree.kind == "map" and sorted_keys(tree.of[1].type.kind) or nil,
  }
  local main = assert(loadstring(w:text(), "=tidemill:nest:" .. tree.kind))
  heat.share(main)
  return main(R)
end

---The function that writes a part of a value (shaped.lua): of this type, `path` away from the column `name`. Gives its offset.
function nest.part(text)
  local ctype, write, tree, istype = views.of(text), writers[text], type_text.tree(text), ffi.istype
  local function put(x, name, path)
    if istype(ctype, x) then return copy_view(x) end
    root, root_type, root_name, root_path = x, tree, name, path
    return (write(x))
  end
  heat.share(put)
  return put
end

local encoders = {}
nest.encoders = setmetatable(encoders, { __index = function(t, text)
  local ctype, write, tree = views.of(text), writers[text], type_text.tree(text)
  local clock, Int, istype, null = views.clock, ffi.typeof("int64_t"), ffi.istype, nil
  local found, value = pcall(require, "tidemill.null")
  if found then null = value end
  local cast, check = ffi.cast, views.check
  -- What user code gives to a column `name`: a view, nil for null.
  local function encode(x, name)
    if x == nil or x == null then return nil end
    if istype(ctype, x) then return check(x) end
    root, root_type, root_name, root_path = x, tree, name, ""
    arena.begin()
    write(x)
    return ctype(cast(Int, A.base), clock.row, A.used)
  end
  heat.share(encode)
  t[text] = encode
  return encode
end })


return nest
