-- The variables of a chunk: where columns that operators compute live until the row is written. Texts are fields of one table;
-- every other variable is a cell, a struct of its own. The trace compiler knows the address of such a small struct and that no two
-- of them overlap, so what an operator puts into a cell the next one has in a register, and what is left of a null is nothing.
-- In a table each store costs a barrier of the garbage collector, and decimals and int64 values would be made objects.
local ffi = require "ffi.init"
local decimal = require "codegen.decimal"
local int64 = require "codegen.int64"
local layout = require "ffi.layout"
local rows = require "codegen.rows"
local views = require "codegen.views"

local cells = {}

-- null: 1 for null; set: 1 once a map's function assigned the column in this row. Of a text only `set` is used.
-- At most 16 bytes are held by value; the decimal's is reached by a pointer.
local STRUCT = {
  double = "struct { double value; int32_t null, set; }",
  bool = "struct { int32_t value, null, set; }",
  int64 = "struct { int64_t value; int32_t null, set; }",
  decimal = "struct { uint64_t low; int64_t high; int32_t null, set; }",
  text = "struct { int32_t null, set; }",
  slice = "struct { const char *at; int32_t n, null; }", -- of a string too, which is then in T
}
local KIND = { double = "double", int = "double", timestamp = "double", bool = "bool", int64 = "int64", decimal = "decimal",
  string = "text", bytes = "text", list = "text", map = "text", struct = "text", any = "text" }

local types = {}
for kind, struct in pairs(STRUCT) do types[kind] = ffi.typeof(struct) end

---@class codegen.home.variable: codegen.home
---@field kind string "var"
---@field var string name of the variable, `total_2`
---@field cell string kind of its cell
---@field scale integer? of a decimal
---@field view boolean the variable holds a view: of a list, map, struct, or of any value, scalars too

---The home of a computed column.
---@param var string unique in the chunk
---@param getter string name of the function that will read it
---@param slice boolean? it may be given slices (slice.lua)
function cells.home(var, type_name, getter, slice)
  local kind, _, scale = layout.parse_type(type_name)
  local cell = KIND[kind]
  if slice and cell == "text" then cell = "slice" end
  return { kind = "var", var = var, type = type_name, getter = getter, cell = cell, scale = scale,
    view = kind == "list" or kind == "map" or kind == "struct" or kind == "any" }
end

---The cell, as generated code names it.
function cells.ref(names, home) return names:ref("v_" .. home.var) end

local function text(home) return "T." .. home.var end

function cells.is_text(home) return home.cell == "text" or home.cell == "slice" end

---Declares the variable at the chunk's start.
---@param flagged boolean? its `set` is used
function cells.declare(w, names, home, flagged)
  if cells.is_text(home) then
    w:line("%s = false", text(home)) -- its place exists when traces are recorded
    if home.cell == "text" and not flagged then return end
  end
  names:declare(w, "v_" .. home.var, ("R.cell(%q, %q)"):format(home.var, home.cell))
end

---Puts the local `x`, nil or a value of the type, into the variable.
function cells.put(w, names, home, x)
  if home.cell == "text" then return w:line("%s = %s", text(home), x) end
  local c = cells.ref(names, home)
  if x == "nil" then return w:line("%s.null = 1", c) end
  if home.cell == "slice" then
    w:line('if type(%s) == "string" then %s, %s.at, %s.n, %s.null = %s, cast(chars, %s), #%s, 0', x, text(home), c, c, c, x, x, x)
    w:line('elseif type(%s) ~= "nil" then %s, %s.null, %s.at, %s.n = false, 0, unpack_slice(%s)', x, text(home), c, c, c, x)
    return w:line("else %s.null = 1 end", c)
  end
  local to, value = c .. ".value", x
  if home.cell == "decimal" then to, value = ("%s.low, %s.high"):format(c, c), ("%s.low, %s.high"):format(x, x)
  elseif home.cell == "int64" then value = x .. ".value"
  elseif home.cell == "bool" then value = x .. " and 1 or 0" end
  w:line("if %s ~= nil then %s, %s.null = %s, 0", x, to, c, value)
  w:line("else %s.null = 1 end", c)
end

---Is the variable null, as an expression?
function cells.is_null(names, home)
  if home.cell == "text" then return text(home) .. " == nil" end
  return cells.ref(names, home) .. ".null ~= 0"
end

local VALUE = { double = "%s.value", bool = "%s.value ~= 0", int64 = "int64_value(%s.value)" }

---Its value, which is not null, as an expression.
function cells.value(names, home)
  if home.cell == "text" then return text(home) end
  local c = cells.ref(names, home)
  if home.cell == "decimal" then return ("decimal_value(%s.low, %s.high, %d)"):format(c, c, home.scale) end
  if home.cell == "slice" then return ("%s or to_text(%s.at, %s.n)"):format(text(home), c, c) end
  return VALUE[home.cell]:format(c)
end

---Returns its value, or nil.
function cells.write_return(w, names, home)
  if home.type == "any" then
    w:line("local x = %s", text(home))
    w:line("if not x then return nil end")
    w:line('return (any_value(x["\\254"], x["\\255"], x["\\253"]))')
    return
  end
  if home.cell ~= "text" then w:line("if %s then return nil end", cells.is_null(names, home)) end
  w:line("return %s", cells.value(names, home))
end

---Has the row's function assigned it, as an expression?
function cells.is_set(names, home) return cells.ref(names, home) .. ".set ~= 0" end

function cells.write_set(w, names, home, set) w:line("%s.set = %d", cells.ref(names, home), set and 1 or 0) end

-- --- at run time

---The variables of one instance.
---@param texts table those that are texts
---@return fun(name: string, kind: string): ffi.cdata* new a cell
---@return fun(home: codegen.home.variable): any read the value of a variable, to show a row
function cells.store(texts)
  local made, anchors = {}, {}
  local function new(name, kind)
    local cell = types[kind]()
    if ffi.sizeof(cell) > 16 then
      anchors[#anchors + 1] = cell
      cell = ffi.cast(ffi.typeof("$ *", types[kind]), cell)
    end
    made[name] = cell
    return cell
  end
  local function read(home)
    if home.view then return texts[home.var] and rows.stored(home.type, views.bytes(texts[home.var])) or nil end
    if home.cell == "text" then return texts[home.var] or nil end
    local cell = made[home.var]
    if cell == nil or cell.null ~= 0 then return nil end
    if home.cell == "slice" then return ffi.string(cell.at, cell.n) end
    if home.cell == "decimal" then return decimal.type(cell.low, cell.high, home.scale) end
    if home.cell == "int64" then return int64.type(cell.value) end
    if home.cell == "bool" then return cell.value ~= 0 end
    return cell.value
  end
  return new, read
end

return cells
