-- The functions of maps and lists of a process: ctx.state.NAME:put(key, value) and the like. Entries lie in C's state
-- (core/operator/collections.c), reached by tm_chain_map_find and its like; keys and values go there as bytes: of a fixed type
-- from one of two cells, texts as they are, nested values as their views' bytes. What comes back is read at once, and nested
-- values are copied, since the next change may move them.
local arena = require "codegen.arena"
local ffi = require "ffi.init"
local layout = require "ffi.layout"
local take = require "codegen.take"
local views = require "codegen.views"
local writer = require "codegen.writer"

local collections = {}

local quote = writer.quote

collections.PATH = "ctx.state."

if not pcall(ffi.typeof, "struct tm_lua_item") then
  ffi.cdef "struct tm_lua_item { union { int64_t i; double d; struct tm_decimal_slot m; }; };"
end

-- --- bytes of one value

---@param name string of the local cell and of its bytes: "key" or "value"
local function item(name, type_name)
  local kind, precision, scale = layout.parse_type(type_name)
  local varies = kind == "string" or kind == "bytes" or layout.is_view(type_name)
  return { name = name, type = type_name, kind = kind, precision = precision, scale = scale, varies = varies,
    view = layout.is_view(type_name) }
end

-- Puts the local `x`, which is of the type, where C finds it; gives the expressions of address and length.
local function write_put(w, it, x)
  local cell = it.name .. "_cell"
  if it.view then
    return ('cast(bytes, %s["\\%d"])'):format(x, views.AT:byte()), ('%s["\\%d"]'):format(x, views.LENGTH:byte())
  end
  if it.varies then return x, "#" .. x end
  if it.kind == "decimal" then
    w:line("%s.m.low, %s.m.high = %s.low, %s.high", cell, cell, x, x)
    return it.name .. "_bytes", "16"
  end
  if it.kind == "double" and it.name == "key" then -- equal numbers have equal bytes
    w:open("if %s ~= %s then", x, x)
    w:line("%s.i = 0x7ff8000000000000LL", cell)
    w:middle("elseif %s == 0 then", x)
    w:line("%s.i = 0", cell)
    w:middle("else")
    w:line("%s.d = %s", cell, x)
    w:close()
  elseif it.kind == "double" then w:line("%s.d = %s", cell, x)
  elseif it.kind == "bool" then w:line("%s.i = %s and 1 or 0", cell, x)
  elseif it.kind == "int64" then w:line("%s.i = %s.value", cell, x)
  else w:line("%s.i = %s", cell, x) end
  return it.name .. "_bytes", "8"
end

local READ = { double = "cast(doubles, %s)[0]", int = "tonumber(cast(int64s, %s)[0])", timestamp = "tonumber(cast(int64s, %s)[0])",
  bool = "cast(int64s, %s)[0] ~= 0", int64 = "int64_value(cast(int64s, %s)[0])" }

-- Sets the local `x` to what C has found: ctx.found or ctx.found_key.
local function write_take(w, it, x)
  local at = it.name == "key" and "ctx.found_key" or "ctx.found"
  local length = it.name == "key" and "ctx.found_key_length" or "ctx.found_length"
  if it.view then
    w:line("local %s_n = %s", x, length)
    w:line("local %s = %s(copy_found(%s, %s_n), clock.row, %s_n)", x, it.kind == "any" and "any_value" or ("views[%s]"):format(
      quote(it.type)), at, x, x)
  elseif it.varies then
    w:line("local %s = to_text(%s, %s)", x, at, length)
  elseif it.kind == "decimal" then
    w:line("local %s_m = cast(decimals, %s)", x, at)
    w:line("local %s = decimal_value(%s_m.low, %s_m.high, %d)", x, x, x, it.scale)
  else
    w:line("local %s = %s", x, READ[it.kind]:format(at))
  end
end

-- Checks the local `x`; nil is wrong too.
local function write_check(w, it, x, s, key)
  local bad = it.name == "key" and ("raise_map_key(%d, %%s, %%s)"):format(s.number)
    or ("raise_entry(%d, %s, %%s, %%s)"):format(s.number, key or "nil")
  take.check(w, x, { name = collections.PATH .. s.state.name, type = it.type }, bad)
  w:line("if %s == nil then %s end", x, bad:format(quote(s.state.name), x))
end

-- --- times

local function access_of(s)
  if not s.state.ttl.ms then return "0" end
  return s.state.ttl.clock == "event" and "call_time()" or "ctx.clock_ms"
end

-- --- walks: what `for` gets, and its step

-- The step gives the entry as `gives` says, or nil.
local function write_step(w, g, s, name, gives, items)
  g.names:func(w, ("%s_%d"):format(name, s.number), "walk, i")
  w:line("local rc = C.tm_chain_walk_next(ctx, walk, %s)", access_of(s))
  w:open("if rc == 1 then")
  for _, it in ipairs(items) do write_take(w, it, it.name) end
  w:line("return %s", gives)
  w:close()
  w:line("if rc ~= 0 then walk_failed(rc) end")
  w:close()
end

local function write_walk(w, g, s, method, name, step, first)
  method(w, g, s, name, "")
  w:line("return %s, C.tm_chain_walk(ctx, kept.slot, %d), %s", g.names:ref(("%s_%d"):format(step, s.number)), s.collection, first)
  w:close()
end

-- --- what both have

local function write_size(w, g, s, method)
  method(w, g, s, "size", "")
  w:line("local n = C.tm_chain_size(ctx, kept.slot, %d)", s.collection)
  w:line("if n < 0 then stop_by(n) end")
  w:line("return n")
  w:close()
  method(w, g, s, "is_empty", "")
  w:line("local n = C.tm_chain_size(ctx, kept.slot, %d)", s.collection)
  w:line("if n < 0 then stop_by(n) end")
  w:line("return n == 0")
  w:close()
end

local function write_clear(w, s)
  w:line("do local rc = C.tm_chain_clear(ctx, kept.slot, %d) if rc ~= 0 then stop_by(rc) end end", s.collection)
end

local function guard(w) w:line("if tally.active_1 == 0 then raise_idle() end") end

-- --- maps

-- What C knows of an entry of the row's map (struct tm_chain_known) is looked at first: a value is read there, and a word
-- written. core/operator/collection_known.c says how long it holds, and what undoes it.
local KNOWN_KEYS = { int = true, timestamp = true, double = true }
local KNOWN_READ = { double = "known.value.d", int = "tonumber(known.value.i)", timestamp = "tonumber(known.value.i)",
  bool = "known.value.i ~= 0", int64 = "int64_value(known.value.i)" }
local KNOWN_WRITE = { double = "known.value.d = x", int = "known.value.i = x", timestamp = "known.value.i = x",
  bool = "known.value.i = x and 1 or 0", int64 = "known.value.i = x.value" }

local function open_known(w, g, s, more)
  w:line("local known = near.at + %d", s.collection - g.known)
  w:open('if type(k) == "number" and k == known.key and kept.acc.%s == known.as_of%s then', s.changes, more or "")
end

local function is_known(g, s) return g.known and s.changes and KNOWN_KEYS[s.state.key] and KNOWN_READ[s.state.type] end

---@param method fun(w: table, g: table, s: table, name: string, parameters: string) begins a method
function collections.write_map(w, g, s, method)
  local n, key, value = s.collection, item("key", s.state.key), item("value", s.state.type)
  local function find(name, known)
    method(w, g, s, name, ", k")
    guard(w)
    if is_known(g, s) then
      open_known(w, g, s)
      w:line(known)
      w:close()
    end
    write_check(w, key, "k", s)
    local at, length = write_put(w, key, "k")
    w:line("local rc = C.tm_chain_map_find(ctx, kept.slot, %d, %s, %s, %s)", n, at, length, access_of(s))
    w:line("if rc < 0 then stop_by(rc) end")
  end
  find("get", "if known.value == nil then return nil end return " .. (KNOWN_READ[s.state.type] or ""))
  w:line("if rc == 0 then return nil end")
  write_take(w, value, "x")
  w:line("return x")
  w:close()
  find("has", "return known.value ~= nil")
  w:line("return rc == 1")
  w:close()
  method(w, g, s, "put", ", k, x")
  guard(w)
  if is_known(g, s) then
    open_known(w, g, s, " and known.value ~= nil")
    write_check(w, value, "x", s, "k")
    w:open("if known.call ~= ctx.call then")
    w:line("known.call, known.old.i, known.journaled = ctx.call, known.value.i, 0")
    w:line("ctx.written = known")
    w:close()
    w:line(KNOWN_WRITE[s.state.type])
    w:line("return")
    w:close()
  end
  write_check(w, key, "k", s)
  write_check(w, value, "x", s, "k")
  local at, length = write_put(w, key, "k")
  local value_at, value_length = write_put(w, value, "x")
  w:line("local rc = C.tm_chain_map_put(ctx, kept.slot, %d, %s, %s, %s, %s, %s)", n, at, length, value_at, value_length, access_of(s))
  w:line("if rc ~= 0 then put_failed(rc, %d, %s, %s) end", s.number, length, value_length)
  w:close()
  method(w, g, s, "remove", ", k")
  guard(w)
  write_check(w, key, "k", s)
  at, length = write_put(w, key, "k")
  w:line("local rc = C.tm_chain_map_remove(ctx, kept.slot, %d, %s, %s)", n, at, length)
  w:line("if rc ~= 0 then stop_by(rc) end")
  w:close()
  write_size(w, g, s, method)
  write_step(w, g, s, "next_entry", "key, value", { key, value })
  write_step(w, g, s, "next_key", "key", { key })
  write_step(w, g, s, "next_value", "value", { value })
  write_walk(w, g, s, method, "pairs", "next_entry", "nil")
  write_walk(w, g, s, method, "keys", "next_key", "nil")
  write_walk(w, g, s, method, "values", "next_value", "nil")
  method(w, g, s, "clear", "")
  guard(w)
  write_clear(w, s)
  w:close()
end

-- --- lists

local function write_append(w, g, s, value)
  g.names:func(w, "append_" .. s.number, "x")
  write_check(w, value, "x", s)
  local at, length = write_put(w, value, "x")
  w:line("local rc = C.tm_chain_list_append(ctx, kept.slot, %d, %s, %s, %s)", s.collection, at, length, access_of(s))
  w:line("if rc ~= 0 then put_failed(rc, %d, 0, %s) end", s.number, length)
  w:close()
end

local function write_add_all(w, g, s)
  w:line("local n")
  w:line("if type(list) == \"table\" then n = list_length(list)")
  w:line("else check_list(%d, list) n = #list end", s.number)
  w:line("if n < 0 then bad_list(%d, list) end", s.number)
  w:line("for i = 1, n do %s(list[i]) end", g.names:ref("append_" .. s.number))
end

function collections.write_list(w, g, s, method)
  local n, value = s.collection, item("value", s.state.type)
  write_append(w, g, s, value)
  method(w, g, s, "add", ", x, more")
  guard(w)
  w:line("if more ~= nil then too_many(%d, \"add\") end", s.number)
  w:line("%s(x)", g.names:ref("append_" .. s.number))
  w:close()
  method(w, g, s, "add_all", ", list")
  guard(w)
  write_add_all(w, g, s)
  w:close()
  method(w, g, s, "update", ", list")
  guard(w)
  w:line("if type(list) ~= \"table\" then check_list(%d, list) end", s.number)
  write_clear(w, s)
  write_add_all(w, g, s)
  w:close()
  write_step(w, g, s, "next_item", "i + 1, value", { value })
  write_step(w, g, s, "next_value", "value", { value })
  write_walk(w, g, s, method, "pairs", "next_item", "0")
  write_walk(w, g, s, method, "values", "next_value", "nil")
  write_size(w, g, s, method)
  method(w, g, s, "get", ", more")
  w:line("if more ~= nil then too_many(%d, \"get\") end", s.number)
  w:line("local walk, list = C.tm_chain_walk(ctx, kept.slot, %d), {}", n)
  w:open("for i = 1, 0x7fffffff do")
  w:line("local x = %s(walk)", g.names:ref("next_value_" .. s.number))
  w:line("if x == nil then return list end")
  w:line("list[i] = x")
  w:close()
  w:close()
  g.names:func(w, "item_" .. s.number, "i")
  w:line("local rc = C.tm_chain_list_find(ctx, kept.slot, %d, i, %s)", n, access_of(s))
  w:line("if rc < 0 then stop_by(rc) end")
  w:line("if rc == 0 then return nil end")
  write_take(w, value, "x")
  w:line("return x")
  w:close()
  method(w, g, s, "clear", "")
  guard(w)
  write_clear(w, s)
  w:close()
end

collections.METHODS = {
  map = { "get", "put", "remove", "has", "size", "is_empty", "pairs", "keys", "values", "clear" },
  list = { "get", "add", "add_all", "update", "size", "is_empty", "pairs", "values", "clear" },
}

-- --- at run time

---What the text finds in its parameter.
function collections.attach(R)
  local key, value = ffi.new("struct tm_lua_item"), ffi.new("struct tm_lua_item")
  R.anchors[#R.anchors + 1], R.anchors[#R.anchors + 2] = key, value
  R.key_cell, R.value_cell = ffi.cast("struct tm_lua_item *", key), ffi.cast("struct tm_lua_item *", value)
  R.key_bytes, R.value_bytes = ffi.cast("const uint8_t *", key), ffi.cast("const uint8_t *", value)
  R.doubles, R.int64s, R.decimals = ffi.typeof("const double *"), ffi.typeof("const int64_t *"),
    ffi.typeof("const struct tm_decimal_slot *")
  R.copy_found = collections.copy_found
  R.near = ffi.new("struct { struct tm_chain_known *at; }") -- by value: the trace compiler knows where it is
end

local A, cast, copy, Int = arena.state, ffi.cast, ffi.copy, ffi.typeof("int64_t")

---Bytes that C has found, where they stay as long as the row is under way.
function collections.copy_found(p, n)
  arena.begin()
  arena.reserve(n)
  copy(A.base, p, n)
  return cast(Int, A.base)
end

return collections
