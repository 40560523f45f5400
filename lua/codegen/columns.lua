-- The columns of a chain: where each lives while a row passes through the fused operators, and the generated
-- functions that read it. A column's home is the input row (read where it lies, never copied before the end) or a
-- variable that the operator which computes it sets. Variables hold checked values: nil for null, else a value of the
-- column's type.
--
-- Functions are generated per column and chunk, never shared: a trace then sees one closure with constant upvalues.
local cells = require "codegen.cells"
local layout = require "ffi.layout"
local views = require "codegen.views"
local writer = require "codegen.writer"

local columns = {}

local quote = writer.quote

columns.KEYWORDS = {}
for word in ([[and break do else elseif end false for function goto if in local nil not or repeat return then true until
  while]]):gmatch("%a+") do columns.KEYWORDS[word] = true end

---@class codegen.home
---@field kind string "in" or "var"
---@field field ffi.layout.field? "in"
---@field var string? "var": name of the variable
---@field type string
---@field getter string name of the function that reads it; a variable has more (cells.lua)
---@field read fun(w: table)? "in": writes how the bytes of a reference are read, which lie elsewhere (accumulate.lua)

-- Names of functions are locals of the chunk; a chunk too wide for LuaJIT's limits (200 locals, 60 upvalues) keeps
-- them in a table.
local Names = {}
Names.__index = Names

function columns.names(wide) return setmetatable({ wide = wide }, Names) end
function Names:ref(name) return self.wide and "G." .. name or name end
function Names:declare(w, name, value)
  if self.wide then w:line("G.%s = %s", name, value)
  else w:line("local %s = %s", name, value) end
end
function Names:func(w, name, parameters)
  if self.wide then w:open("function G.%s(%s)", name, parameters or "")
  else w:open("local function %s(%s)", name, parameters or "") end
end

---The homes of a schema's columns in the input row.
---@param prefix string "in": getters are in_amount, ...
---@param cursor string member of the cursor that points to the row
function columns.of_input(schema, prefix, cursor)
  local homes, l = {}, layout.of(schema)
  for i, f in ipairs(l.fields) do
    homes[f.name] = { kind = "in", field = f, type = schema.fields[i].type, cursor = cursor, used = false,
      getter = ("%s_%s"):format(prefix, writer.identifier(f.name, i)) }
  end
  return homes
end

---@param slice boolean? it may be given slices
function columns.variable(stage, name, index, type_name, slice)
  local id = writer.identifier(name, index)
  return cells.home(("%s_%d"):format(id, stage), type_name, ("get%d_%s"):format(stage, id), slice)
end

-- --- null bits
-- ---------------------------------------------------------------------------------------------------------------

---Counts a column in the mask of those whose null bits the chunk tests. All readers test the whole mask first, so that a row
---without nulls costs one test in a trace, however many columns it reads.
function columns.test_null(masks, field)
  if field.required then return end
  masks[field.null_member] = bit.bor(masks[field.null_member] or 0, field.null_bit)
end

---`band(r.n0, 7) ~= 0 and band(r.n0, 4) ~= 0`; nil for a column that is never null.
function columns.null_test(masks, field)
  if field.required then return nil end
  local mask = masks[field.null_member]
  local one = ("band(r.%s, %d) ~= 0"):format(field.null_member, field.null_bit)
  if mask == field.null_bit then return one end
  return ("band(r.%s, %d) ~= 0 and %s"):format(field.null_member, mask, one)
end

-- --- texts
-- --------------------------------------------------------------------------------------------------------------------

-- The 8 bytes of a text as a little-endian number; of the last 8 when it is longer.
local function word_of(text)
  local digits = {}
  for i = math.min(8, #text), 1, -1 do digits[#digits + 1] = ("%02x"):format(text:byte(i)) end
  return "0x" .. table.concat(digits) .. "ULL"
end

-- Bytes are read only between the row's start and the text's end: a row in state may end where its memory ends.
-- Before a text of less than 8 bytes there is always the row's header.
local FIRST_SHORT = "rshift(cast(words, p + (n - 8))[0], 64 - 8 * n)"

local EXACT = { [1] = "p[0]", [2] = "cast(halves, p)[0]", [4] = "cast(ints, p)[0]" }

-- The bytes of a text of at most 4 as a number, little-endian, signed as an int32_t.
local function number_of(text)
  local value = 0
  for i = #text, 1, -1 do value = value * 256 + text:byte(i) end
  return bit.tobit(value)
end

local function equals(text)
  local n = #text
  if n == 0 then return "n == 0" end
  if EXACT[n] then return ("n == %d and %s == %d"):format(n, EXACT[n], number_of(text)) end
  if n < 8 then return ("n == %d and %s == %s"):format(n, FIRST_SHORT:gsub("8 %* n", 8 * n):gsub("n %- 8", n - 8), word_of(text)) end
  local test = ("n == %d and cast(words, p)[0] == %s"):format(n, word_of(text))
  if n > 8 then test = test .. (" and cast(words, p + %d)[0] == %s"):format(n - 8, word_of(text:sub(-8))) end
  if n > 16 then test = test .. (" and memcmp(p, %s, %d) == 0"):format(quote(text), n) end
  return test
end

---A getter that gives the constants themselves, or a text that equals none of them: enough where a column is only compared
---with constants, and no string is ever made.
local function write_equal_getter(w, names, name, home, masks, texts)
  local f = home.field
  names:func(w, name)
  w:line("local r = %s", home.cursor)
  local null = columns.null_test(masks, f)
  if null then w:line("if %s then return nil end", null) end
  local other, taken = "\0", {}
  for _, t in ipairs(texts) do taken[t] = true end
  while taken[other] do other = other .. "\0" end
  if #texts > 0 then
    w:line("local p, n = cast(bytes, r) + r.%s.offset, r.%s.length", f.member, f.member)
    for _, t in ipairs(texts) do w:line("if %s then return %s end", equals(t), quote(t)) end
  end
  w:line("return %s%s", quote(other), #texts > 0 and " -- some other text" or " -- its value goes nowhere but into copies")
  w:close()
end

---A function that gives the Lua string of bytes through a cache of 256 places.
function columns.write_text(w, names, name)
  names:declare(w, name .. "_seen", "text_cache()")
  names:declare(w, name .. "_texts", "{}")
  names:func(w, name, "p, n")
  local seen, texts = names:ref(name .. "_seen"), names:ref(name .. "_texts")
  w:line("if n == 0 then return \"\" end")
  w:line("if n > 64 then return to_text(p, n) end")
  w:line("local a, b = 0ULL, 0ULL")
  w:line("if n < 8 then a = %s", FIRST_SHORT)
  w:line("else a, b = cast(words, p)[0], cast(words, p + (n - 8))[0] end")
  w:line("local i = band(tobit(rshift((a + rol(b, 23) + n) * 0x9e3779b97f4a7c15ULL, 48)), 255)")
  w:line("local e = %s + i", seen)
  w:open("if e.a == a and e.b == b and e.n == n then")
  w:line("local s = %s[i + 1]", texts)
  w:line("if n <= 16 or memcmp(p, s, n) == 0 then return s end")
  w:close()
  w:line("local s = to_text(p, n)")
  w:line("e.a, e.b, e.n, %s[i + 1] = a, b, n, s", texts)
  w:line("return s")
  w:close()
end

-- --- getters
-- ------------------------------------------------------------------------------------------------------------------

local READ = {
  double = "r.%s", int = "tonumber(r.%s)", timestamp = "tonumber(r.%s)", bool = "r.%s ~= 0", int64 = "int64_value(r.%s)",
}

---Writes the function that reads a column, once.
function columns.write_getter(w, names, home, masks)
  if home.written then return end
  home.written = true
  if home.kind == "var" then
    names:func(w, home.getter)
    cells.write_return(w, names, home)
    w:close()
    return
  end
  local f = home.field
  if f.reference and not f.view and not home.read then columns.write_text(w, names, home.getter .. "_text") end
  names:func(w, home.getter)
  w:line("local r = %s", home.cursor)
  local null = columns.null_test(masks, f)
  if null then w:line("if %s then return nil end", null) end
  if home.read then
    home.read(w)
  elseif f.view then
    w:line("%s", views.read_column(f))
  elseif f.reference then
    w:line("return %s(cast(bytes, r) + r.%s.offset, r.%s.length)", names:ref(home.getter .. "_text"), f.member, f.member)
  elseif f.kind == "decimal" then
    w:line("return decimal_value(r.%s.low, r.%s.high, %d)", f.member, f.member, f.scale)
  else
    w:line("return " .. READ[f.kind], f.member)
  end
  w:close()
end

-- A getter that gives a slice.
local function write_slice_getter(w, names, name, home, masks)
  local f = home.field
  names:func(w, name)
  w:line("local r = %s", home.cursor)
  local null = columns.null_test(masks, f)
  if null then w:line("if %s then return nil end", null) end
  w:line("return (slice(r, r.size_bytes, r.%s.offset, r.%s.length))", f.member, f.member)
  w:close()
end

-- A getter that gives a view of which these texts are slices.
local function write_view_getter(w, names, name, home, masks, paths)
  local f = home.field
  names:declare(w, name .. "_type", ("R.view(%s, %s)"):format(quote(f.type), writer.list(paths)))
  names:func(w, name)
  w:line("local r = %s", home.cursor)
  local null = columns.null_test(masks, f)
  if null then w:line("if %s then return nil end", null) end
  w:line("slice_row(r, r.size_bytes)")
  w:line("%s", views.read_column(f, names:ref(name .. "_type")))
  w:close()
end

---The name of the getter that a stage uses for a column: the shared one, or one of its own that makes no strings.
---@param mode string|string[]|table|nil see result.modes
function columns.getter(w, names, home, masks, stage, mode)
  if type(mode) == "table" and mode.view then
    if home.kind == "in" and home.field.nested and not home.read then
      local name = ("vw%s_%s"):format(stage, home.getter)
      write_view_getter(w, names, name, home, masks, mode.view)
      return names:ref(name)
    end
    mode = nil
  end
  if mode == "slice" then
    if home.kind == "in" and home.field.reference and not home.read then
      local name = ("sl%s_%s"):format(stage, home.getter)
      write_slice_getter(w, names, name, home, masks)
      return names:ref(name)
    end
    mode = nil
  end
  local view = home.kind == "in" and home.field.view and not (mode == "untouched" and home.field.nested)
  if mode and home.kind == "in" and home.field.reference and not view and not home.read then
    local name = ("eq%s_%s"):format(stage, home.getter)
    write_equal_getter(w, names, name, home, masks, mode == "untouched" and {} or mode)
    return names:ref(name)
  end
  columns.write_getter(w, names, home, masks)
  return names:ref(home.getter)
end

return columns
