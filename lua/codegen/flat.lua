-- Functions without the tables in the tables that they give. The trace compiler does without a table that a function returns, but
-- not without one that is stored in it. So of a function that gives { at = { x = e.x } } a copy is made that stores the field of the
-- inner table in the outer one, under a name of its own, and `true` as `at`: for tables that the analysis (bytecode.lua) has seen made,
-- filled and stored, and used for nothing else. A writer (shaped.lua) takes the fields from there. The copy differs in operands of a
-- few instructions and in constants, so lines and variables of messages stay what they are.
local opcodes = require "codegen.opcodes"
local rewrite = require "codegen.rewrite"

local flat = {}

-- --- what the analysis notes
-- -------------------------------------------------------------------------------------------------

---The instruction under way takes a value that may be a table made in the function out of a register.
function flat.note_use(m, v)
  for id in pairs(v.set or v.rows or {}) do
    local at = m.out.rows_used[id] or {}
    m.out.rows_used[id], at[m.prefix .. m.pc] = at, true
  end
end

---What is known where a table is made or a field is stored, whenever that instruction is looked at: the table, and those that
---registers surely hold, with the fields that they may have.
---@param list string "makes" or "stores"
---@param row string? the table that is stored to
function flat.note_place(m, s, list, row)
  local places, key = m.out[list], m.prefix .. m.pc
  local before, regs = places[key], {}
  for r, v in pairs(s.regs) do
    local held = v.only and s.rows[v.only]
    local known = before and before.regs[r]
    if held and (not before or (known and known.row == v.only)) then
      regs[r] = { row = v.only, fields = known and known.fields or {} }
      for name in pairs(held.fields) do regs[r].fields[name] = true end
    end
  end
  places[key] = { row = (not before or before.row == row) and row or false, regs = regs }
end

-- --- which tables need not be
-- ------------------------------------------------------------------------------------------------

local MAKES = { TNEW = true, TDUP = true }

---The name of a field of an inner table in the outer one.
function flat.key(path, name) return path .. "\0" .. name end

-- The instruction that makes the table, when it is in the function itself and not in one that it calls.
local function made_at(code, id)
  local pc = tonumber(id:match("^t(%d+)$"))
  local i = pc and code[pc]
  if not i or not MAKES[i.op] then return nil end
  return pc, i
end

-- The register that holds this table where the instruction is.
local function register_of(place, id)
  for r, known in pairs(place.regs) do if known.row == id then return r, known end end
end

-- Plans the edits for one table `id`, stored as `name` in `outer`, which is or becomes `top`; `path` is its name there. False:
-- it must stay a table.
local function plan_table(a, fn, code, edits, id, outer, name, top, path)
  local pc, made = made_at(code, id)
  if not pc or a.seen_keys[outer .. "\0" .. name] then return false end
  local stored = false
  for use in pairs(a.rows_used[id] or {}) do
    local at = tonumber(use:match("^t(%d+)$"))
    local i, place = at and code[at], a.stores[use]
    if not i or i.op ~= "TSETS" or not place or not place.row then return false end
    if place.row == outer and i.a == made.a and i.b ~= i.a and not stored and opcodes.constant(fn, i.c) == name then
      stored = true
    elseif place.row == id and i.b == made.a and i.a ~= i.b then
      local base = register_of(place, top)
      if not base then return false end
      edits[at] = { op = "TSETS", a = i.a, b = base, key = flat.key(path, opcodes.constant(fn, i.c)) }
    else
      return false
    end
  end
  -- The outer table is there when this one is made, and has no fields of an earlier one.
  local _, known = register_of(a.makes["t" .. pc] or { regs = {} }, outer)
  if not stored or not known or known.fields[name] then return false end
  edits[pc] = { op = "KPRI", a = made.a, d = 2 } -- true
  return true
end

-- Fields that the table begins with are known without it, where there is but one and they are stored nowhere.
local function take_constants(fn, code, edits, shape, path)
  local fields = {}
  for _, pair in ipairs(shape.places) do
    local _, made = made_at(code, pair.id)
    for name, value in pairs(made.op == "TDUP" and opcodes.constant(fn, made.d) or {}) do fields[name] = { value } end
  end
  if next(fields) == nil then return true end
  if shape.places[2] then return false end
  for _, edit in pairs(edits) do
    for name in pairs(fields) do if edit.key == flat.key(path, name) then return false end end
  end
  shape.constants = fields
  return true
end

local function plan_shape(a, fn, code, edits, shape, outers, name, path)
  if shape.null then return false end
  for _, pair in ipairs(shape.places) do
    local top = outers[pair.outer]
    if not top or not plan_table(a, fn, code, edits, pair.id, pair.outer, name, top, path) then return false end
  end
  if not take_constants(fn, code, edits, shape, path) then return false end
  local inner = {}
  for _, pair in ipairs(shape.places) do
    if inner[pair.id] and inner[pair.id] ~= outers[pair.outer] then return false end
    inner[pair.id] = outers[pair.outer]
  end
  for field, known in pairs(shape.fields) do
    if known.shape and not plan_shape(a, fn, code, edits, known.shape, inner, field, flat.key(path, field)) then return false end
  end
  return true
end

---Marks shapes of columns whose tables need not be made, and gives the function that does not make them.
---@param a codegen.analysis
---@param fn function that was analysed
---@param columns table<string, codegen.shape>
---@param exits table[] { value, rows }: all rows that it gives
---@return function?
function flat.make(a, fn, columns, exits)
  local code = opcodes.decode(fn)
  if not code or a.captured or #a.side_emits > 0 or a.out_escapes then return nil end
  local tops = {}
  for _, exit in ipairs(exits) do for id in pairs(exit.value.set or {}) do tops[id] = id end end
  local names, all = {}, {}
  for name in pairs(columns) do names[#names + 1] = name end
  table.sort(names)
  for _, name in ipairs(names) do
    local edits = {}
    if plan_shape(a, fn, code, edits, columns[name], tops, name, name) then
      columns[name].flat = true
      for pc, edit in pairs(edits) do all[pc] = edit end
    end
  end
  local made = next(all) and rewrite.copy(fn, all)
  if not made then for _, shape in pairs(columns) do shape.flat = nil end end
  return made
end

return flat
