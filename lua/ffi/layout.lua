-- The layout of rows in Lua: exactly the one that core/batch/schema.c decides (a spec compares them), as a struct
-- type with one field per column, so that generated code reads `row.f_amount` at a constant offset.
--
-- Null bits are seen as 32-bit words n0, n1, ...: LuaJIT keeps those in registers as plain integers, where 64-bit
-- ones are boxed at every exit from a trace. w0, w1, ... are the same bits as 64-bit words; `head` is size and kind as one
-- word, t_country the offset and length of a text: what goes from row to row is moved whole.
local ffi = require "ffi.init"

local layout = {}

---@class ffi.layout.field
---@field name string of the column
---@field kind string bool int int64 double decimal string bytes timestamp list map struct any
---@field precision integer? of a decimal
---@field scale integer?
---@field offset integer bytes from the row's start
---@field slot integer bytes, 8 or 16
---@field member string name of the struct's field
---@field word string of a reference: name of the field that is its slot as one 64-bit number
---@field null_member string "n0": the word of its null bit
---@field null_bit integer the bit in that word, as a 32-bit signed number
---@field required boolean never null
---@field hidden boolean
---@field reference boolean the slot leads to bytes of the row
---@field nested boolean a list, map or struct: its bytes begin at a multiple of 8
---@field view boolean nested or any: user code gets a view of it (lua/codegen/views.lua)

---@class ffi.layout
---@field fields ffi.layout.field[]
---@field by_name table<string, ffi.layout.field>
---@field fixed_bytes integer header, null words and slots
---@field null_words integer of 64 bits
---@field has_references boolean else every row is exactly fixed_bytes
---@field ctype ffi.ctype* the struct
---@field pointer ffi.ctype* to the struct
---@field struct string its C name

local counts = {} -- of declared structs by prefix

local SLOT = {
  bool = "int64_t", int = "int64_t", int64 = "int64_t", timestamp = "int64_t", double = "double",
  string = "struct tm_text_ref", bytes = "struct tm_text_ref", decimal = "struct tm_decimal_slot",
  list = "struct tm_text_ref", map = "struct tm_text_ref", struct = "struct tm_text_ref", any = "struct tm_text_ref",
}
local NESTED = { list = true, map = true, struct = true }

-- As struct tm_ref, signed: an offset or a length (at most 64 MiB) is then an integer in a trace, never a double.
if not pcall(ffi.typeof, "struct tm_text_ref") then ffi.cdef [[
struct tm_text_ref { int32_t offset; int32_t length; };
struct tm_decimal_slot { uint64_t low; int64_t high; };
struct tm_list_head { int32_t size_bytes; int32_t count; int32_t items; int32_t zero; };
struct tm_map_head { int32_t size_bytes; int32_t count; int32_t keys; int32_t values; };
struct tm_int64_value { const int64_t value; }; // what user code holds of an int64 (lua/codegen/int64.lua)
struct tm_text_seen { uint64_t a, b; int64_t n; };     // a place of a column's text cache (lua/codegen/columns.lua)
]] end

---"decimal(10,2)" -> "decimal", 10, 2; "int" -> "int"; "list(int)" -> "list". Nil for a type that no row can hold ("?").
function layout.parse_type(text)
  local p, s = text:match("^decimal%((%d+),(%d+)%)$")
  if p then return "decimal", tonumber(p), tonumber(s) end
  local nested = text:match("^(%a+)%(")
  if nested and NESTED[nested] then return nested end
  if SLOT[text] and text ~= "decimal" and not NESTED[text] then return text end
end

---Is it a type whose values user code gets as views: nested, or any?
function layout.is_view(text) return text == "any" or NESTED[text:match("^%a+")] == true end

local function member_name(name, index)
  local plain = name:gsub("[^%w_]", "_")
  if plain ~= name or #plain > 40 then plain = plain:sub(1, 40) .. "_" .. index end
  return "f_" .. plain
end

---Declares a struct under a name that is still free: `layout.declare("tm_row", "{ int32_t a; }")`. Names are never free
---again in a lua_State.
---@return string name "struct tm_row_12"
function layout.declare(prefix, text)
  local n = counts[prefix] or 0
  repeat
    n = n + 1
    local name = ("struct %s_%d"):format(prefix, n)
    if not pcall(ffi.typeof, name) then
      ffi.cdef(name .. " " .. text .. ";")
      counts[prefix] = n
      return name
    end
  until n > 1e6
  error("tidemill: no name left for a struct")
end

---The table of operators of a struct type, which belongs to the lua_State as the type does: the same one each time.
---@return table operators
---@return boolean is_new it must still be given to ffi.metatype
function layout.operators(name)
  local registry = debug.getregistry()
  local key = "tidemill operators of " .. name
  local known = registry[key]
  if not known then registry[key] = {} end
  return registry[key], not known
end

local declared = {} -- text of the struct -> { ctype, pointer, name }
local function struct_of(text)
  local known = declared[text]
  if known then return known[1], known[2], known[3] end
  local name = layout.declare("tm_row", text)
  declared[text] = { ffi.typeof(name), ffi.typeof(name .. " *"), name }
  return declared[text][1], declared[text][2], name
end

local made = setmetatable({}, { __mode = "k" }) -- schema -> layout

---The layout of a schema's rows. Every type must be known. Remembered per schema: schemas do not change once they are used.
---@param schema table see docs/internals/lua-side.md
---@return ffi.layout
function layout.of(schema)
  local l = made[schema]
  if l then return l end
  local words = math.ceil(#schema.fields / 64)
  l = { fields = {}, by_name = {}, null_words = words, has_references = false }
  local text = { "{ union { struct { int32_t size_bytes; uint32_t kind; }; int64_t head; }; union { struct { int32_t " }
  for w = 0, 2 * words - 1 do text[#text + 1] = (w > 0 and ", " or "") .. "n" .. w end
  text[#text + 1] = "; }; struct { int64_t "
  for w = 0, words - 1 do text[#text + 1] = (w > 0 and ", " or "") .. "w" .. w end
  text[#text + 1] = "; }; };"
  local offset, taken = 8 + 8 * words, {}
  for i, f in ipairs(schema.fields) do
    local kind, precision, scale = layout.parse_type(f.type)
    if not kind then error(("column %q has type %s, which no row can hold"):format(f.name, f.type), 2) end
    local member = member_name(f.name, i)
    if taken[member] then member = member .. "_" .. i end
    taken[member] = true
    local field = {
      name = f.name, kind = kind, precision = precision, scale = scale, type = f.type, index = i,
      offset = offset, slot = kind == "decimal" and 16 or 8, member = member,
      null_member = "n" .. math.floor((i - 1) / 32), null_bit = bit.lshift(1, (i - 1) % 32),
      required = f.required or false, hidden = f.hidden or false,
      reference = kind == "string" or kind == "bytes" or kind == "any" or NESTED[kind] or false,
      nested = NESTED[kind] or false, view = kind == "any" or NESTED[kind] or false,
    }
    if field.reference then
      field.word, l.has_references = "t" .. member:sub(2), true
      text[#text + 1] = (" union { %s %s; int64_t %s; };"):format(SLOT[kind], member, field.word)
    else
      text[#text + 1] = (" %s %s;"):format(SLOT[kind], member)
    end
    offset = offset + field.slot
    l.fields[i], l.by_name[f.name] = field, field
  end
  text[#text + 1] = " }"
  l.fixed_bytes = offset
  l.ctype, l.pointer, l.struct = struct_of(table.concat(text))
  made[schema] = l
  return l
end

return layout
