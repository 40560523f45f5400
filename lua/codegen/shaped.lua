-- Writers of structs that user code gives as tables whose fields are known (shapes.lua): straight-line code, generated for a type
-- and a shape. It checks all fields first, which tells how long the value is, and then writes it, each part to its place. No
-- table is looked through, so in a trace there is none; no text that is a slice becomes a string.
local ffi = require "ffi.init"
local arena = require "codegen.arena"
local explain = require "codegen.explain"
local fit = require "codegen.fit"
local flat = require "codegen.flat"
local heat = require "codegen.heat"
local layout = require "ffi.layout"
local nest = require "codegen.nest"
local slice = require "codegen.slice"
local take = require "codegen.take"
local type_text = require "tidemill.type_text"
local view_text = require "codegen.view_text"
local views = require "codegen.views"
local writer = require "codegen.writer"

local shaped = {}

local quote = writer.quote

local HEAD = [[
local R = ...
local A, null, bad, begin, ensure, view, clock = R.A, R.null, R.bad, R.begin, R.ensure, R.view, R.clock
local cast, copy, type, floor, bor, band = R.cast, R.copy, type, R.floor, R.bor, R.band
local words, int64, slice_text, unpack_slice, is_utf8 = R.words, R.int64, R.slice_text, R.unpack_slice, R.is_utf8
local fit_decimal, fit_int64 = R.fit_decimal, R.fit_int64
]]

local STORE = { double = "%s", int = "%s", timestamp = "%s", bool = "%s and 1 or 0", int64 = "%s.value" }
local TEXT = { string = true, bytes = true }

-- Two words are moved in place of so many bytes: where a slice lies, more can be read behind it (emit.lua).
local SHORT_BYTES = 16

-- The fields of a struct, those in it among them: names of locals, where each lies, what is known of it.
---@param path string to the struct, for messages
---@param key string? in the row's table, where the struct's fields stand there
local function plan(p, tree, shape, path, key)
  p.count = p.count + 1
  local s = { tree = tree, id = p.count, shape = shape, layout = layout.of(view_text.schema(tree)), fields = {} }
  for i, f in ipairs(tree.of) do
    local known = shape.fields[f.name]
    local field = { name = f.name, tree = f.type, required = f.required, member = s.layout.fields[i], known = known,
      x = ("x%d_%d"):format(s.id, i), path = explain.step(path, f.name), key = key and flat.key(key, f.name) or f.name }
    local constant = shape.constants and shape.constants[f.name]
    if constant then field.constant = constant[1] end
    if known and known.shape then field.struct = plan(p, f.type, known.shape, field.path, key and field.key) end
    s.fields[i] = field
  end
  return s
end

local function each_field(s, visit)
  for _, f in ipairs(s.fields) do
    visit(f)
    if f.struct then each_field(f.struct, visit) end
  end
end

-- --- first the fields are taken and checked

local function is_nested(f) return type_text.is_nested(f.tree.text) or f.tree.kind == "any" end

local function take_text(w, f)
  if f.known.slice then
    w:line("if type(%s) == \"string\" then p_%s, n_%s = %s, #%s", f.x, f.x, f.x, f.x, f.x)
    w:line("elseif type(%s) ~= \"nil\" then p_%s, n_%s = unpack_slice(%s) end", f.x, f.x, f.x, f.x)
  else
    w:line("if %s ~= nil then n_%s = #%s end", f.x, f.x, f.x)
  end
  w:line("need = need + n_%s", f.x)
end

local function literal(value)
  if type(value) == "string" then return quote(value) end
  if type(value) ~= "number" then return tostring(value) end
  return math.abs(value) == math.huge and (value > 0 and "1 / 0" or "-1 / 0") or ("%.17g"):format(value)
end

local function take_fields(w, s, t)
  for _, f in ipairs(s.fields) do
    if f.known then
      w:line("%s = %s", f.x, f.constant ~= nil and literal(f.constant) or ("%s[%s]"):format(t, quote(f.key)))
      if is_nested(f) then
        if not f.struct or f.struct.shape.null then w:line("if %s == null then %s = nil end", f.x, f.x) end
        if f.required then w:line("if %s == nil then bad(root, name) end", f.x) end
      else
        take.check(w, f.x, { name = f.name, type = f.tree.text, required = f.required }, "bad(root, name, %s, %s)",
          f.known.text, f.known.slice)
      end
      if TEXT[f.tree.kind] then take_text(w, f) end
      if f.struct then
        w:open("if %s ~= nil then", f.x)
        w:line("need = need + %d", f.struct.layout.fixed_bytes + 8)
        take_fields(w, f.struct, f.key == f.name and f.x or t)
        w:close()
      end
    elseif f.required then
      w:line("bad(root, name)")
    end
  end
end

-- --- then they are written

local function null_text(s, f) return ("o%d.%s = bor(o%d.%s, %d)"):format(s.id, f.member.null_member, s.id, f.member.null_member,
  f.member.null_bit) end

-- Slots are zero where a field is null.
local function zero(s, f)
  if f.tree.kind == "decimal" then return ("o%d.%s.low, o%d.%s.high = 0, 0"):format(s.id, f.member.member, s.id, f.member.member) end
  return ("o%d.%s = 0"):format(s.id, f.member.word or f.member.member)
end

local function put_scalar(w, s, f)
  local member = ("o%d.%s"):format(s.id, f.member.member)
  w:open("if %s ~= nil then", f.x)
  if f.tree.kind == "decimal" then w:line("%s.low, %s.high = %s.low, %s.high", member, member, f.x, f.x)
  else w:line("%s = %s", member, STORE[f.tree.kind]:format(f.x)) end
  w:middle("else")
  w:line(zero(s, f))
  w:line(null_text(s, f))
  w:close()
end

local function put_text(w, s, f)
  local member = ("o%d.%s"):format(s.id, f.member.member)
  w:open("if %s ~= nil then", f.x)
  w:line("%s.offset, %s.length = at - at%d, n_%s", member, member, s.id, f.x)
  if f.known.slice then
    w:open("if n_%s <= %d and type(%s) ~= \"string\" then", f.x, SHORT_BYTES, f.x)
    w:line("local from, to = cast(words, p_%s), cast(words, A.base + at)", f.x)
    w:line("to[0], to[1] = from[0], from[1]")
    w:middle("else")
    w:line("copy(A.base + at, p_%s, n_%s)", f.x, f.x)
    w:close()
  else
    w:line("copy(A.base + at, %s, n_%s)", f.x, f.x)
  end
  w:line("at = at + n_%s", f.x)
  w:middle("else")
  w:line(zero(s, f))
  w:line(null_text(s, f))
  w:close()
end

local put_fields

local function put_nested(w, p, s, f)
  local member = ("o%d.%s"):format(s.id, f.member.member)
  w:open("if %s ~= nil then", f.x)
  if f.struct then
    w:line("local from = at")
    put_fields(w, p, f.struct)
    w:line("%s.offset, %s.length = from - at%d, at - from", member, member, s.id)
  else
    w:line("A.used = at")
    w:line("local from = put_%s(%s, name, %s)", f.x, f.x, quote(f.path))
    w:line("%s", ("o%d = cast(row_%d, A.base + at%d) -- it may have moved"):format(s.id, s.id, s.id))
    w:line("%s.offset, %s.length = from - at%d, A.used - from", member, member, s.id)
    w:line("ensure(A.used + need)")
    for _, outer in ipairs(p.open) do w:line("o%d = cast(row_%d, A.base + at%d)", outer.id, outer.id, outer.id) end
    w:line("at = A.used")
  end
  w:middle("else")
  w:line(zero(s, f))
  w:line(null_text(s, f))
  w:close()
end

-- At `at`, a multiple of 8; then that is behind it. Nested values come first, as they begin at multiples of 8.
function put_fields(w, p, s)
  p.open[#p.open + 1] = s
  w:line("local at%d = at", s.id)
  w:line("local o%d = cast(row_%d, A.base + at)", s.id, s.id)
  for i = 0, s.layout.null_words - 1 do w:line("o%d.w%d = 0", s.id, i) end
  w:line("at = at + %d", s.layout.fixed_bytes)
  for _, f in ipairs(s.fields) do
    if not f.known then
      w:line("%s %s", zero(s, f), null_text(s, f))
    elseif not is_nested(f) and not TEXT[f.tree.kind] then
      put_scalar(w, s, f)
    end
  end
  for _, any in ipairs { false, true } do -- one of type any ends anywhere
    for _, f in ipairs(s.fields) do
      if f.known and is_nested(f) and (f.tree.kind == "any") == any then put_nested(w, p, s, f) end
    end
  end
  for _, f in ipairs(s.fields) do if f.known and TEXT[f.tree.kind] then put_text(w, s, f) end end
  w:line("cast(words, A.base + at)[0] = 0")
  w:line("at = band(at + 7, -8)")
  w:line("o%d.head = at - at%d -- its size", s.id, s.id)
  p.open[#p.open] = nil
end

local function generate(p, s)
  local w = writer.new()
  for line in HEAD:gmatch("[^\n]+") do w:line("%s", line) end
  for i = 1, p.count do w:line("local row_%d = R.rows[%d]", i, i) end
  each_field(s, function(f)
    if f.known and is_nested(f) and not f.struct then w:line("local put_%s = R.part(%s)", f.x, quote(f.tree.text)) end
  end)
  w:open("local function write(root, name)")
  if s.shape.null then w:line("if root == null then return nil end") end
  w:line("local need = %d", s.layout.fixed_bytes + 8)
  each_field(s, function(f)
    if f.known then w:line("local %s", f.x) end
    if f.known and TEXT[f.tree.kind] then w:line("local p_%s, n_%s = nil, 0", f.x, f.x) end
  end)
  take_fields(w, s, "root")
  w:line("begin()")
  w:line("ensure(need)")
  w:line("local at = 0")
  put_fields(w, p, s)
  w:line("A.used = at")
  w:line("return view(cast(int64, A.base), clock.row, at)")
  w:close()
  w:line("return write")
  return w:text()
end

-- --- at run time

local function rows_of(s, rows)
  rows[s.id] = s.layout.pointer
  for _, f in ipairs(s.fields) do if f.struct then rows_of(f.struct, rows) end end
  return rows
end

-- The table as the user's function has written it, for messages.
local function rebuilt(s, t)
  local made = {}
  for _, f in ipairs(s.fields) do
    local x = f.known and t[f.key]
    if f.constant ~= nil then x = f.constant end
    if f.struct and x then made[f.name] = rebuilt(f.struct, f.key == f.name and x or t)
    elseif f.known and f.known.slice then made[f.name] = slice.given_text(x)
    else made[f.name] = x or nil end
    if x == false then made[f.name] = false end
  end
  return made
end

---The function that writes such tables to the arena, given the table, or the row's where the shape is flat, and the name of the
---column: gives a view.
---@param text string the column's type, a struct
---@param shape codegen.shape
---@param column string
function shaped.load(text, shape, column)
  local tree = type_text.tree(text)
  local p = { count = 0, open = {} }
  local s = plan(p, tree, shape, "", shape.flat and column)
  local function bad(root, name) explain.raise(tree, rebuilt(s, root), name) end
  local found, null = pcall(require, "tidemill.null")
  local R = {
    A = arena.state, null = found and null or {}, bad = bad, begin = arena.begin, ensure = arena.ensure,
    view = views.of(text), clock = views.clock, cast = ffi.cast, copy = ffi.copy, floor = math.floor, bor = bit.bor,
    band = bit.band, words = ffi.typeof("uint64_t *"), int64 = ffi.typeof("int64_t"), slice_text = slice.given_text,
    unpack_slice = slice.unpack, is_utf8 = fit.is_utf8, fit_decimal = fit.decimal, fit_int64 = fit.int64, part = nest.part,
    rows = rows_of(s, {}),
  }
  local main = assert(loadstring(generate(p, s), "=tidemill:shaped"))
  heat.share(main)
  return main(R)
end

return shaped
