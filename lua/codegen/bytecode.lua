-- What a user function does with its record, read from its bytecode (ARCHITECTURE D2): which columns it reads and
-- how, what it assigns, which rows it returns or emits, with the types of their columns. An abstract interpretation:
-- registers hold abstract values (values.lua), branches join, loops run to a fixed point. What is not followed is
-- "?", never a guess: a wrong type would be an error of correct rows.
--
-- Rows (record parameters "r1", "r2" and tables made in the function, by the place that makes them) have their known
-- fields in the state; `open` says that something unknown may have changed or seen them.
local arithmetic = require "codegen.arithmetic"
local opcodes = require "codegen.opcodes"
local values = require "codegen.values"
local calls = require "codegen.calls"
local captured = require "codegen.captured"
local flat = require "codegen.flat"
local parts = require "codegen.parts"
local texts = require "codegen.texts"
local util = require "jit.util"

local bytecode = {}

local NIL, UNKNOWN, NUMBER, STRING, BOOL = values.NIL, values.UNKNOWN, values.NUMBER, values.STRING, values.BOOL
local STEPS_MAX = 200000 -- instructions looked at for one function; past it nothing is followed

-- --- state: registers and rows; rows are copied when they change
-- -----------------------------------------------------------

local function copy_map(t)
  local c = {}
  for k, v in pairs(t) do c[k] = v end
  return c
end

local function clone(s) return { regs = copy_map(s.regs), rows = copy_map(s.rows) } end

local function changed_row(s, id)
  local old = s.rows[id]
  local row = copy_map(old)
  row.fields = copy_map(old.fields)
  s.rows[id] = row
  return row
end

-- --- what is learnt
-- ---------------------------------------------------------------------------------------------------------

bytecode.AS_SLICE, bytecode.AS_VIEW = {}, {}

---What may be a slice is used where a slice does not do: it must be a string.
local function need_string(m, v)
  if type(v.slice) == "string" then m.out.strings[v.slice] = true else m.out.slices = false end
end

---How a column of a record parameter is used. `how`: "other", a constant text it is compared with, AS_SLICE where a slice
---does, AS_VIEW where a part of a list or struct is read.
local function use(m, v, how)
  for _, f in pairs(v.from or {}) do bytecode.use(m, f, how == bytecode.AS_SLICE and how or "other") end
  if v.slice and how ~= bytecode.AS_SLICE then need_string(m, v) end
  if v.t ~= "field" and not v.view then return end
  local columns = m.out.uses[v.p]
  local u = columns[v.name] or { eq = {}, into = {} }
  columns[v.name] = u
  if how == bytecode.AS_VIEW then u.view = true
  elseif how == "other" or v.view then u.other = true
  elseif how == bytecode.AS_SLICE then u.slice = true
  else u.eq[how] = true end
end
bytecode.use = use

-- A list, map or struct that is part of a copy of the record is a table, and here somebody may change it: what it holds has no
-- known type any more, wherever it is read. In views nothing can be changed.
local function may_change(m, v)
  if not m.out.changes_parts and parts.tree_of(v) then m.out.changes_parts = true end
end

---A row leaves what is followed: anything may read it and change it.
function bytecode.escape(m, s, v, seen)
  use(m, v, "other")
  may_change(m, v)
  if v.t == "out" or v.emits then m.out.out_escapes = true end
  if v.lost then v.lost() end
  if v.t ~= "row" and not v.rows then return end
  seen = seen or {}
  for id in pairs(v.set or v.rows) do
    if not seen[id] and s.rows[id] then
      seen[id] = true
      local row = changed_row(s, id)
      row.open = true
      if row.p then m.out.reads[row.p] = true end
      for _, f in pairs(row.fields) do bytecode.escape(m, s, f, seen) end
      for k, f in pairs(row.fields) do
        if f.t == "field" then s.rows[id].fields[k] = values.of(f.type) end
      end
    end
  end
end
local escape = bytecode.escape

function bytecode.problem(m, line, code, message, hint)
  local key = code .. line .. message
  if not m.out.problem_keys[key] then
    m.out.problem_keys[key] = true
    local list = m.out.problems
    list[#list + 1] = { code = code, where = m.path .. ":" .. line, message = message, hint = hint }
  end
end

-- --- joins
-- ------------------------------------------------------------------------------------------------------------------

local function missing(row) return row.open and UNKNOWN or NIL end

-- Names that were surely assigned on the way here: a column of the input keeps its value where they were not, which its
-- type does not tell.
local function both(a, b)
  local names = {}
  for name in pairs(a or {}) do if b and b[name] then names[name] = true end end
  return names
end

local function same_names(a, b)
  a, b = a or {}, b or {}
  for name in pairs(a) do if not b[name] then return false end end
  for name in pairs(b) do if not a[name] then return false end end
  return true
end

local function join_rows(a, b)
  local row = { p = a.p, open = a.open or b.open, dynamic = a.dynamic or b.dynamic,
    positional = a.positional or b.positional, copied = a.copied or b.copied, fields = {}, wrote = both(a.wrote, b.wrote) }
  for k, v in pairs(a.fields) do row.fields[k] = values.join(v, b.fields[k] or missing(b)) end
  for k, v in pairs(b.fields) do
    if a.fields[k] == nil then row.fields[k] = values.join(missing(a), v) end
  end
  return row
end

local function same_row(a, b)
  if a == b then return true end
  if a.open ~= b.open or a.dynamic ~= b.dynamic or a.positional ~= b.positional then return false end
  for k, v in pairs(a.fields) do if not b.fields[k] or not values.equal(v, b.fields[k]) then return false end end
  for k in pairs(b.fields) do if not a.fields[k] then return false end end
  return same_names(a.wrote, b.wrote)
end

-- Joins state b into a; true when a changed. A register that only one side knows is dead or unknown.
local function join_states(a, b)
  local changed = false
  for r, v in pairs(a.regs) do
    local w = b.regs[r]
    if w == nil then
      a.regs[r], changed = nil, true
    else
      local j = values.join(v, w)
      if not values.equal(j, v) then a.regs[r], changed = j, true end
    end
  end
  for id, row in pairs(b.rows) do
    local mine = a.rows[id]
    if mine == nil then
      a.rows[id], changed = row, true
    elseif not same_row(mine, row) then
      local j = join_rows(mine, row)
      if not same_row(j, mine) then a.rows[id], changed = j, true end
    end
  end
  return changed
end

-- --- reading and writing fields
-- ---------------------------------------------------------------------------------------------

local function read_row(m, s, v, key, line)
  local result
  for id in pairs(v.set) do
    local row = s.rows[id]
    local f = row.fields[key]
    if row.p then
      local reads = m.out.reads[row.p]
      m.out.looked_at[row.p][key] = true
      if f == nil and key == "copy" then
        f = { t = "method", name = "copy", on = values.row(id) }
      elseif f == nil then
        f = NIL
        if not m.out.schemas[row.p].loose then
          m.out.unknown_fields[#m.out.unknown_fields + 1] = { name = key, where = m.path .. ":" .. line, p = row.p }
        end
      elseif reads ~= true and f.t == "field" and f.p == row.p then
        reads[f.name] = true
      end
    else
      m.out.seen_keys[id .. "\0" .. key] = true
      f = f or missing(row)
      -- A table of the copy is at hand from here on, and may be changed: the column is no longer the input's.
      if row.copied and f.t == "field" and (f.type == "any" or parts.tree_of(f)) then
        f = values.of(f.type)
        changed_row(s, id).fields[key] = f
      end
      if row.open then f = values.without_value(f) end
    end
    result = result and values.join(result, f) or f
  end
  return result or UNKNOWN
end

-- Is it a table made in the function, whichever way it took?
local function is_made(s, v)
  for id in pairs(v.set) do if s.rows[id].p then return false end end
  return true
end

local function write_row(m, s, v, key, value, line)
  for id in pairs(v.set) do
    local row = changed_row(s, id)
    if row.p then m.out.assigned[row.p][key] = m.out.assigned[row.p][key] or m.path .. ":" .. line end
    if value.t == "field" and not row.p then
      local columns = m.out.uses[value.p]
      local u = columns[value.name] or { eq = {}, into = {} }
      columns[value.name] = u
      u.into[id .. "\0" .. key] = { id = id, key = key }
    elseif not value.slice or row.p or row.open then
      use(m, value, "other")
    end
    if (value.t == "row" and (row.p or row.open or not is_made(s, value))) or value.rows then escape(m, s, value) end
    row = s.rows[id] == row and row or changed_row(s, id)
    if v.only then
      row.fields[key] = value
      row.wrote = copy_map(row.wrote or {})
      row.wrote[key] = true
    else
      row.fields[key] = values.join(row.fields[key] or missing(row), value)
    end
  end
end

-- Can the row be reached from these values?
local function is_held(s, id, list, seen)
  for _, v in pairs(list) do
    for other in pairs(v.t == "row" and v.set or {}) do
      if other == id then return true end
      if not seen[other] and s.rows[other] then
        seen[other] = true
        if is_held(s, id, s.rows[other].fields, seen) then return true end
      end
    end
  end
  return false
end

function bytecode.new_row(m, s, pc, fields)
  local id = m.prefix .. pc
  local held = is_held(s, id, s.regs, {}) -- a second table of the same place: the first may still be held
  s.rows[id] = { fields = fields or {}, open = held or m.captured }
  return values.row(id)
end

local function get(m, s, r)
  local v = s.regs[r] or UNKNOWN
  flat.note_use(m, v)
  -- A closure made in the function that assigns what it captures may change any local at any call.
  if m.changing and not v.proto and v.t ~= "row" and v.t ~= "const" and v.t ~= "out" and v.t ~= "object" then
    use(m, v, "other")
    return UNKNOWN
  end
  return v
end
bytecode.get = get

local function set(s, r, v) s.regs[r] = v end

-- --- instructions
-- -----------------------------------------------------------------------------------------------------------

local on = {} -- op -> function(m, s, i, pc); returns true when the instruction does not fall through

local function consume(m, s, v)
  use(m, v, "other")
  may_change(m, v)
  if v.t == "row" or v.t == "out" or v.rows or v.lost then escape(m, s, v) end
end

for _, op in ipairs { "ADD", "SUB", "MUL", "DIV", "MOD" } do
  on[op .. "VN"] = function(m, s, i)
    local b = get(m, s, i.b)
    consume(m, s, b)
    set(s, i.a, arithmetic(b, values.constant(opcodes.number(m.fn, i.c)), op))
  end
  on[op .. "NV"] = function(m, s, i)
    local b = get(m, s, i.b)
    consume(m, s, b)
    set(s, i.a, arithmetic(values.constant(opcodes.number(m.fn, i.c)), b, op))
  end
  on[op .. "VV"] = function(m, s, i)
    local b, c = get(m, s, i.b), get(m, s, i.c)
    consume(m, s, b)
    consume(m, s, c)
    set(s, i.a, arithmetic(b, c, op))
  end
end
on.POW = on.MODVV

function on.UNM(m, s, i)
  local v = get(m, s, i.d)
  consume(m, s, v)
  local t = values.type_of(v)
  local p, scale = values.decimal(t or "")
  set(s, i.a, t == "int64" and v or p and values.of(("decimal(38,%d)"):format(scale)) or arithmetic(v, NUMBER, "MUL"))
  if t == "int64" then set(s, i.a, values.of("int64")) end
end

function on.CAT(m, s, i)
  local known, text = true, true
  for r = i.b, i.c do
    local v = get(m, s, r)
    local t = values.type_of(v)
    consume(m, s, v)
    text = text and values.prints_text(v)
    if t == "?" or t == "table" and not (v.only and s.rows[v.only].p) then known = false end
  end
  set(s, i.a, known and (text and values.TEXT or STRING) or UNKNOWN)
end

function on.MOV(m, s, i)
  local v = s.regs[i.d] or UNKNOWN
  flat.note_use(m, v)
  set(s, i.a, v)
end
on.NOT = function(_, s, i) set(s, i.a, BOOL) end
function on.LEN(m, s, i)
  local v = get(m, s, i.d)
  local nested = parts.tree_of(v)
  if nested then use(m, v, bytecode.AS_VIEW) elseif not v.walk then consume(m, s, v) end
  set(s, i.a, (values.type_of(v) == "string" or v.t == "row" or nested or v.walk) and NUMBER or UNKNOWN)
end

function on.KSTR(m, s, i) set(s, i.a, values.constant(opcodes.constant(m.fn, i.d))) end
function on.KNUM(m, s, i) set(s, i.a, values.constant(opcodes.number(m.fn, i.d))) end
function on.KSHORT(_, s, i) set(s, i.a, values.constant(i.d >= 0x8000 and i.d - 0x10000 or i.d)) end
function on.KCDATA(_, s, i) set(s, i.a, UNKNOWN) end
function on.KPRI(_, s, i) set(s, i.a, i.d == 0 and NIL or BOOL) end
function on.KNIL(_, s, i) for r = i.a, i.d do set(s, r, NIL) end end

function on.UGET(m, s, i)
  if m.assigned_upvalues[i.d] or type(m.fn) ~= "function" then return set(s, i.a, UNKNOWN) end
  local name, v = debug.getupvalue(m.fn, i.d + 1)
  local keeps = captured.keeps(m.fn, i.d)
  if keeps == "now" then
    local list = m.out.assumed
    list[#list + 1] = { fn = m.fn, index = i.d, value = v }
  end
  set(s, i.a, name and calls.upvalue(v, keeps ~= nil) or UNKNOWN)
end
function on.USETV(m, s, i)
  local v = get(m, s, i.d)
  for id in pairs(v.set or {}) do
    if s.rows[id].p then m.out.kept_records[m.path .. ":" .. i.line] = util.funcuvname(m.fn, i.a) or "?" end
  end
  if v.of_call then m.out.kept_objects[m.path .. ":" .. i.line] = { v.name, util.funcuvname(m.fn, i.a) or "?" } end
  consume(m, s, v)
end
for _, op in ipairs { "USETS", "USETN", "USETP" } do on[op] = function() end end

function on.FNEW(m, s, i) set(s, i.a, { t = "?", proto = opcodes.constant(m.fn, i.d) }) end

-- Keys that are given nil itself leave no trace in the bytecode.
local function add_nils(m, pc, fields)
  for name in pairs(m.nil_keys[pc] or {}) do fields[name] = fields[name] or NIL end
  return fields
end

function on.TNEW(m, s, i, pc)
  flat.note_place(m, s, "makes")
  set(s, i.a, bytecode.new_row(m, s, pc, add_nils(m, pc, {})))
end
function on.TDUP(m, s, i, pc)
  flat.note_place(m, s, "makes")
  local fields, positional = {}, false
  for k, v in pairs(opcodes.constant(m.fn, i.d)) do
    if type(k) == "string" then fields[k] = values.constant(v) else positional = true end
  end
  local row = bytecode.new_row(m, s, pc, add_nils(m, pc, fields))
  if positional then s.rows[row.only].positional = true end
  set(s, i.a, row)
end

function on.GGET(m, s, i)
  local name = opcodes.constant(m.fn, i.d)
  local found, v = pcall(function() return debug.getfenv(m.made_by)[name] end)
  set(s, i.a, found and calls.global(v) or UNKNOWN)
end
function on.GSET(m, s, i) consume(m, s, get(m, s, i.a)) end

local function key_of(m, v, key, line)
  local tree = parts.tree_of(v)
  local t = values.type_of(key)
  if (t == "int64" or values.decimal(t or "")) and tree and tree.kind == "list" then
    bytecode.problem(m, line, "TYPE", ("a value of type %s is used as the index of a list, which is a number"):format(t),
      ("use tonumber(%s)"):format(key.t == "field" and "e." .. key.name or "value"))
  elseif t == "int64" or values.decimal(t or "") then
    bytecode.problem(m, line, "TYPE", ("a value of type %s is used as the key of a table: equal values would be different keys")
      :format(t), "use tostring(value) as the key")
  end
  if v.t == "row" and key.const ~= nil and type(key.const) == "string" then return key.const end
end

-- What is no function of string is nil, and the row would go on without a word.
local function check_method(m, key, line)
  if type(key) == "string" and string[key] == nil then
    bytecode.problem(m, line, "UNKNOWN_FIELD", ("a text has no field %q"):format(key),
      'a text has methods, as text:sub(1, 3); a row of text is the text itself: function(line) return line == "..." end')
  end
end

local function index(m, s, v, key, line)
  if v.t == "object" then return v.get(m, key, line) end
  if v.t == "row" then return read_row(m, s, v, key, line) end
  local nested = parts.tree_of(v)
  if nested then return parts.index(m, v, nested, values.constant(key), line) end
  consume(m, s, v)
  local t = values.type_of(v)
  if t == "string" then check_method(m, key, line) end
  if t == "string" or t == "int64" or values.decimal(t or "") then return { t = "method", name = key, on = v } end
  if v.t == "const" then return calls.member(v.v, key, m, line) end
  if calls.is_slow_method(key) then return { t = "method", name = key, on = UNKNOWN } end
  return UNKNOWN
end

function on.TGETS(m, s, i)
  set(s, i.a, index(m, s, get(m, s, i.b), opcodes.constant(m.fn, i.c), i.line))
end
function on.TGETV(m, s, i)
  local v, k = get(m, s, i.b), get(m, s, i.c)
  use(m, k, "other")
  local key = key_of(m, v, k, i.line)
  if key then return set(s, i.a, index(m, s, v, key, i.line)) end
  if v.item and values.is_number(values.type_of(k) or "") then return set(s, i.a, v.item) end
  local nested = parts.tree_of(v)
  if not nested then consume(m, s, v) end
  set(s, i.a, nested and parts.index(m, v, nested, k, i.line) or UNKNOWN)
end
function on.TGETB(m, s, i)
  local v = get(m, s, i.b)
  if v.item then return set(s, i.a, v.item) end
  local nested = parts.tree_of(v)
  if not nested then consume(m, s, v) end
  set(s, i.a, nested and parts.index(m, v, nested, values.constant(i.c), i.line) or UNKNOWN)
end
on.TGETR = on.TGETV

function on.TSETS(m, s, i)
  local v, value = get(m, s, i.b), get(m, s, i.a)
  flat.note_place(m, s, "stores", v.only)
  if v.t == "row" then return write_row(m, s, v, opcodes.constant(m.fn, i.c), value, i.line) end
  if v.put then v.put(m, opcodes.constant(m.fn, i.c), i.line) end
  consume(m, s, v)
  consume(m, s, value)
end
function on.TSETV(m, s, i)
  local v, k, value = get(m, s, i.b), get(m, s, i.c), get(m, s, i.a)
  use(m, k, "other")
  local key = key_of(m, v, k, i.line)
  if key then return write_row(m, s, v, key, value, i.line) end
  consume(m, s, value)
  if v.t ~= "row" then
    consume(m, s, v)
  else
    for id in pairs(v.set) do
      local row = changed_row(s, id)
      row.dynamic = true
      if row.p then m.out.assigned_dynamic[row.p] = true end
    end
    escape(m, s, v)
  end
end
on.TSETR = on.TSETV
local function set_position(m, s, v, value)
  if value then consume(m, s, value) end
  if v.t == "row" then for id in pairs(v.set) do changed_row(s, id).positional = true end else consume(m, s, v) end
end
function on.TSETB(m, s, i) set_position(m, s, get(m, s, i.b), get(m, s, i.a)) end
function on.TSETM(m, s, i) set_position(m, s, get(m, s, i.a - 1)) end

-- Comparisons fall through or skip the jump that follows; what is copied is done in `branches`.
local function compared(m, s, i)
  consume(m, s, get(m, s, i.a))
  consume(m, s, get(m, s, i.d))
end
on.ISLT, on.ISGE, on.ISLE, on.ISGT = compared, compared, compared, compared
local function equated(m, s, i)
  local a, d = get(m, s, i.a), get(m, s, i.d)
  use(m, a, type(d.const) == "string" and d.const or "other")
  use(m, d, type(a.const) == "string" and a.const or "other")
end
on.ISEQV, on.ISNEV = equated, equated
function on.ISEQS(m, s, i) use(m, get(m, s, i.a), opcodes.constant(m.fn, i.d)) end
on.ISNES = on.ISEQS
function on.ISEQN(m, s, i) use(m, get(m, s, i.a), "other") end
on.ISNEN = on.ISEQN

local CONDITIONAL = {}
for op in ("ISLT ISGE ISLE ISGT ISEQV ISNEV ISEQS ISNES ISEQN ISNEN ISEQP ISNEP ISTC ISFC IST ISF"):gmatch("%u+") do
  CONDITIONAL[op] = true
end

local function returned(m, s, v)
  local list = m.returns
  list[#list + 1] = { value = v, rows = s.rows }
  return true
end
function on.RET0(m, s) return returned(m, s, NIL) end
function on.RET1(m, s, i) return returned(m, s, get(m, s, i.a)) end
function on.RET(m, s, i) return returned(m, s, get(m, s, i.a)) end
function on.RETM(m, s, i) return returned(m, s, i.d > 0 and get(m, s, i.a) or UNKNOWN) end

-- Forgets what a call overwrites, keeps its results.
local function results(s, a, count, first, more)
  for r in pairs(s.regs) do if r >= a then s.regs[r] = nil end end
  s.regs[a] = first
  for r = a + 1, a + count - 1 do s.regs[r] = more or UNKNOWN end
end

local function call(m, s, i, pc, count)
  local args = {}
  for n = 1, count do args[n] = get(m, s, i.a + opcodes.CALL_GAP + n - 1) end
  return calls.call(m, s, get(m, s, i.a), args, i, pc)
end

-- A call that does not come back ends the way through the function.
local function called(s, i, first, more)
  if first == values.NEVER then return true end
  results(s, i.a, math.max(i.b - 1, 1), first, more)
end

local function handed_back(m, s, first) return first == values.NEVER or returned(m, s, first) end

function on.CALL(m, s, i, pc) return called(s, i, call(m, s, i, pc, i.c - 1)) end
-- One more than is counted: the first of the results that the last argument gives.
function on.CALLM(m, s, i, pc) return called(s, i, call(m, s, i, pc, i.c + 1)) end
function on.CALLT(m, s, i, pc) return handed_back(m, s, (call(m, s, i, pc, i.d - 1))) end
function on.CALLMT(m, s, i, pc) return handed_back(m, s, (call(m, s, i, pc, i.d + 1))) end

function on.ITERC(m, s, i)
  local iterator = get(m, s, i.a - 3)
  for r = i.a - 3, i.a - 1 do escape(m, s, get(m, s, r)) end
  if iterator.t == "parts" then return results(s, i.a, math.max(i.b - 1, 1), iterator.key, iterator.value) end
  if iterator.t ~= "texts" then m.out.slices = false end
  local value = iterator.t == "texts" and (iterator.text and values.TEXT or STRING) or UNKNOWN
  results(s, i.a, math.max(i.b - 1, 1), value)
end
on.ITERN = on.ITERC
function on.VARG(_, s, i) results(s, i.a, math.max(i.b - 1, 1), UNKNOWN) end
function on.FORI(m, s, i)
  for r = i.a, i.a + 2 do use(m, get(m, s, r), "other") end
  set(s, i.a + 3, NUMBER)
end
function on.FORL(_, s, i) set(s, i.a + 3, NUMBER) end

-- --- control flow
-- -----------------------------------------------------------------------------------------------------------

local ALWAYS = { JMP = true, UCLO = true, ISNEXT = true }
local EITHER = { FORI = true, FORL = true, IFORL = true, ITERL = true, IITERL = true }

local function leaders(code)
  local at = { [1] = true }
  for pc, i in ipairs(code) do
    if ALWAYS[i.op] or EITHER[i.op] then at[i.target], at[pc + 1] = true, true end
    if CONDITIONAL[i.op] then at[pc + 1], at[pc + 2] = true, true end
  end
  return at
end

-- The value where it is known to be false or nil: `find(...) and { ... }` gives nil or the table.
local function falsy(v)
  local t = values.type_of(v)
  if t == "bool" or t == "any" or t == "?" then return v end
  return NIL
end

-- Which way nil goes: past the jump behind the test (2), or to it (1).
local WAY_OF_NIL = { ISF = 1, ISFC = 1, IST = 2, ISTC = 2 }

-- The ways on from a conditional instruction.
local function branch(m, s, i, flow)
  local v = i.d and s.regs[i.d] or UNKNOWN
  flat.note_use(m, v)
  if v.t == "nil" and WAY_OF_NIL[i.op] and not m.captured then
    if i.op == "ISFC" then set(s, i.a, NIL) end
    return flow(WAY_OF_NIL[i.op], s)
  end
  -- Past the jump behind the test when it is false, to the jump when it is true.
  local past, jump = s, s
  if i.op == "IST" or i.op == "ISTC" then
    past = clone(s)
    set(past, i.d, falsy(v))
  elseif i.op == "ISF" or i.op == "ISFC" then
    jump = clone(s)
    set(jump, i.d, falsy(v))
  end
  flow(2, past)
  if i.op == "ISTC" or i.op == "ISFC" then set(jump, i.a, jump.regs[i.d] or UNKNOWN) end
  flow(1, jump)
end

-- Runs one function to its fixed point; its returns are collected in m.returns.
local function interpret(m, code, first)
  local at, states, queue = leaders(code), {}, { 1 }
  states[1] = first
  local function flow(pc, s)
    if states[pc] == nil then
      states[pc] = clone(s)
      queue[#queue + 1] = pc
    elseif join_states(states[pc], s) then
      queue[#queue + 1] = pc
    end
  end
  while #queue > 0 do
    local pc = table.remove(queue)
    local s = clone(states[pc])
    while true do
      local i = code[pc]
      if i == nil then break end
      m.pc = pc
      m.root.steps = m.root.steps + 1
      if m.root.steps > STEPS_MAX then return false end
      local handler = on[i.op]
      if handler and handler(m, s, i, pc) then break end
      if CONDITIONAL[i.op] then
        branch(m, s, i, function(distance, state) flow(pc + distance, state) end)
        break
      elseif ALWAYS[i.op] then
        flow(i.target, s)
        break
      elseif EITHER[i.op] then
        flow(i.target, s)
        flow(pc + 1, s)
        break
      end
      pc = pc + 1
      if at[pc] then
        flow(pc, s)
        break
      end
    end
  end
  return true
end

-- Does a function or one made in it assign variables that it has captured?
local function assigns_captured(proto)
  for _, i in ipairs(opcodes.decode(proto) or {}) do
    if i.op:find("^USET") or (i.op == "FNEW" and assigns_captured(opcodes.constant(proto, i.d))) then return true end
  end
  return false
end

-- Does the closure capture a variable of its maker that is called so?
local function captures(proto, name)
  for k = 0, util.funcinfo(proto).upvalues - 1 do if util.funcuvname(proto, k) == name then return true end end
  return false
end

---Runs a function with abstract arguments in a state; used for the function itself and for Lua functions it calls.
---@param fn function|any or the prototype of one that `made_by` makes
---@param made_by function?
---@return table? value, nil when the function cannot be followed
function bytecode.run(out, fn, args, rows, depth, prefix, made_by)
  local code = opcodes.decode(fn)
  local info = util.funcinfo(fn)
  if not code or info.isvararg then return nil end
  local m = { fn = fn, out = out, root = out, depth = depth, prefix = prefix, returns = {}, assigned_upvalues = {},
    path = (info.source or "="):gsub("^[@=]", ""), nil_keys = texts.nil_keys(fn), made_by = made_by or fn }
  local closures = {}
  for _, i in ipairs(code) do
    if i.op:find("^USET") then m.assigned_upvalues[i.a] = true end
    if i.op == "FNEW" then
      local proto = opcodes.constant(fn, i.d)
      closures[#closures + 1] = proto
      m.captured, out.captured = true, true
      m.changing = m.changing or assigns_captured(proto)
    end
  end
  local s = { regs = {}, rows = copy_map(rows) }
  for n = 1, info.params do
    s.regs[n - 1] = args[n] or NIL
    local name, taken = type(fn) == "function" and debug.getlocal(fn, n), false
    for _, proto in ipairs(closures) do taken = taken or not name or captures(proto, name) end
    if taken then escape(m, s, s.regs[n - 1]) end
  end
  -- A return may be visited several times with less and less known: all visits joined are what the last one knows.
  if not interpret(m, code, s) then return nil end
  return m
end

local function record_row(schema, p)
  local fields = {}
  for _, f in ipairs(schema.fields) do
    if not f.hidden then
      fields[f.name] = { t = "field", p = p, name = f.name, type = f.type }
    end
  end
  return { p = p, fields = fields }
end

---@class codegen.analysis
---@field known boolean false: nothing could be followed
---@field reads table[] per parameter: set of column names, or true for all
---@field uses table[] per parameter: column -> { eq = set of texts, other =, slice =, view = boolean?, into = fields of tables }
---@field slices boolean what may be a slice goes nowhere but where slices may
---@field strings table<string, boolean> but for what groups of these names take, and for these parts (parts.lua)
---@field rows_used table<string, table<string, boolean>> tables made in the function -> instructions that take them from a register
---@field makes table<string, table> instructions that make a table: what is known there (flat.lua)
---@field stores table<string, table> instructions that store a field
---@field captured boolean the function makes closures
---@field parts table[] per parameter: column -> path of a text in it -> name of its slice
---@field assigned table[] per parameter: names assigned -> "job.lua:3"
---@field looked_at table[] per parameter: set of names read, columns or not; true among them: all, for a copy
---@field schemas table[] per parameter: what bytecode.analyse was given
---@field returns table[] { value, rows } at every return
---@field emits table[] { value, rows } at every call of out(row)
---@field side_emits table[] { value, rows, tag, tag_type, where } at every call of out("tag", row); tag nil: no constant
---@field raises string? "job.lua:3" of the first call of error
---@field out_escapes boolean? `out` went where it is not followed
---@field unknown_fields table[] { name, where, p }
---@field problems table[] { code, where, message, hint }
---@field slow_calls table<string, table> "job.lua:3 match" -> { where, what, why, instead }
---@field owns_parts boolean? lists, maps or structs are copied with a record
---@field changes_parts boolean? what is in one of them may be changed
---@field parts_unknown boolean both: parts that are not reached from a column have no known types
---@field kept_records table<string, string> "job.lua:3" -> captured variable that a record is assigned to
---@field kept_objects table<string, string[]> "job.lua:3" -> an object that is the call's alone, and the variable
---@field assumed table[] { fn, index, value }: captured variables, should the script assign them before it ends
---@field made string[][] names of the fields of tables that library functions give, in order
---@field functions function[] the function and the Lua functions of the script it calls

-- `changes`: what is in tables that are parts of copies of the record may be anything.
local function attempt(fn, params, changes)
  local out = { reads = {}, uses = {}, assigned = {}, assigned_dynamic = {}, emits = {}, side_emits = {}, unknown_fields = {},
    problems = {}, problem_keys = {}, seen_keys = {}, schemas = {}, steps = 0, functions = { fn }, slow_calls = {},
    looked_at = {}, kept_records = {}, kept_objects = {}, assumed = {}, made = {}, slices = true, strings = {}, parts = {},
    rows_used = {}, stores = {}, makes = {}, captured = false, parts_unknown = changes }
  local args, rows = {}, {}
  for p, param in ipairs(params) do
    out.reads[p], out.uses[p], out.assigned[p], out.schemas[p] = {}, {}, {}, param
    out.looked_at[p], out.parts[p] = {}, {}
    if param.out then
      args[p] = values.OUT
    elseif param.value then
      args[p] = param.value
    elseif param.bare then
      args[p] = { t = "field", p = p, name = "line", type = param.type or "string" }
    else
      rows["r" .. p] = record_row(param.schema, p)
      args[p] = values.row("r" .. p)
    end
  end
  local m = bytecode.run(out, fn, args, rows, 0, "t")
  out.known = m ~= nil
  out.returns = m and m.returns or {}
  if not m then
    for p, param in ipairs(params) do
      out.reads[p] = true
      if param.out then out.out_escapes = true end
    end
    out.uses = {}
    for p in ipairs(params) do out.uses[p] = {} end
  end
  return out
end

---@param fn function
---@param params table[] { schema = } a record, { bare = true } a text, { out = true }, { value = } an abstract value
---@return codegen.analysis
function bytecode.analyse(fn, params)
  local out = attempt(fn, params, false)
  -- What changes them may come after what reads them, in a loop: so everything is looked at once more.
  if out.owns_parts and out.changes_parts then out = attempt(fn, params, true) end
  return out
end

return bytecode
