-- What an operator keeps of a key: one record for all its states, found by one lookup, read and written where it lies. It begins
-- with a bit for every value that is there; then, for each, its slot as in a row (what varies in size is a blob of the state:
-- tm_chain_blob, tm_chain_keep), and behind the last slot of a state with a time to live its last access; at the end the heads of
-- maps and lists, which are C's (collections.lua). core/operator/keyed.c knows the same layout. This file writes the functions that
-- user code calls as ctx.state.NAME:get() and the like.
--
-- The first write of a call copies the record up to the heads, so that an error in the call can be undone; a short one is copied as
-- each call begins, which is less than asking whether it has been.
local ffi = require "ffi.init"
local collections = require "codegen.collections"
local fault = require "tidemill.fault"
local layout = require "ffi.layout"
local suggest = require "tidemill.suggest"
local take = require "codegen.take"
local views = require "codegen.views"
local writer = require "codegen.writer"

local keyed = {}

local quote = writer.quote

-- --- layout
-- -------------------------------------------------------------------------------------------------------------------

local SLOT = { double = "double", decimal = "struct tm_decimal_slot" }

---@class codegen.keyed.cell a value of the record
---@field name string of the field, for messages
---@field type string
---@field kind string
---@field member string of the struct
---@field offset integer
---@field bits string "p0" or "p1"
---@field bit integer
---@field reference boolean

local function add_cell(r, name, type_name)
  local kind, precision, scale = layout.parse_type(type_name)
  local n = r.bits
  local cell = { name = name, type = type_name, kind = kind, precision = precision, scale = scale, member = "v" .. n, offset = r.bytes,
    state = r.before + #r.states + 1, view = layout.is_view(type_name),
    reference = SLOT[kind] == nil and (kind == "string" or kind == "bytes" or layout.is_view(type_name)) }
  keyed.take_bit(r, cell)
  r.text[#r.text + 1] = (" %s %s;"):format(cell.reference and "struct tm_text_ref" or SLOT[kind] or "int64_t", cell.member)
  r.bytes = r.bytes + (kind == "decimal" and 16 or 8)
  return cell
end

-- Before a write. What is copied always is not copied by it.
local ALWAYS_COPIED = 32
local TOUCH, CHECK_IDLE = "if tally.touched ~= 1 then touch() end", "if tally.active_1 == 0 then raise_idle() end"

function keyed.take_bit(r, into)
  into.bits, into.bit = "p" .. math.floor(r.bits / 32), bit.lshift(1, r.bits % 32)
  r.bits = r.bits + 1
end

---The record of an operator's states.
---@param declared table[] node.states
---@param before integer? so many states of other records have lower numbers
---@param of string? "broadcast": what it is a member of in ctx; else "state"
---@return table { states = { { state =, cells =, bits =, bit =, access = member?, collection = number from 0? } }, bytes =,
---copied = bytes that a call's first write copies, always_copied = as it begins, struct = }
function keyed.layout(declared, before, of)
  local r, heads = { states = {}, of = of, before = before or 0, bits = 0, bytes = 8, text = { "{ int32_t p0; int32_t p1;" } }, {}
  for i, state in ipairs(declared) do
    local s = { state = state, number = i + r.before, cells = {} }
    if collections.METHODS[state.kind] then
      keyed.take_bit(r, s)
      heads[#heads + 1], s.collection = s, #heads
    elseif state.custom then
      keyed.take_bit(r, s)
      for c, f in ipairs(state.custom.schema.fields) do s.cells[c] = add_cell(r, f.name, f.type) end
    else
      s.cells[1] = add_cell(r, state.name, state.type)
      s.bits, s.bit = s.cells[1].bits, s.cells[1].bit
    end
    if state.ttl.ms and not s.collection then
      s.access = "a" .. s.number
      r.text[#r.text + 1] = (" double %s;"):format(s.access)
      r.bytes = r.bytes + 8
    end
    r.states[i] = s
  end
  r.copied = r.bytes
  r.always_copied = r.of == nil and not heads[1] and r.copied > 8 and r.copied <= ALWAYS_COPIED
  for _, s in ipairs(r.states) do
    s.touch = r.always_copied and CHECK_IDLE or TOUCH
    for _, cell in ipairs(s.cells) do cell.alone = r.bits == 1 end
  end
  for i, s in ipairs(heads) do
    local size = s.state.ttl.ms and 40 or 24 -- core/operator/collections.h
    local changes = ""
    if s.state.kind == "map" and not s.state.ttl.ms and not of then -- struct tm_state_map: root, count, bytes, changes
      s.changes, size, changes = "changes" .. s.number, size - 8, (" int32_t changes%d; int32_t reserved%d;"):format(s.number, s.number)
    end
    r.text[#r.text + 1] = (" int64_t c%d[%d];"):format(i, size / 8) .. changes
    size = size + (s.changes and 8 or 0)
    r.bytes = r.bytes + size
  end
  for _, s in ipairs(heads) do if s.changes then r.maps = #heads end end -- collections, where entries of one may be known
  r.struct_text = table.concat(r.text) .. " }"
  return r
end

-- --- text: one value of the record
-- ---------------------------------------------------------------------------------------------------------------

local READ = { double = "r.%s", int = "tonumber(r.%s)", timestamp = "tonumber(r.%s)", bool = "r.%s ~= 0", int64 = "int64_value(r.%s)" }
local STORE = { double = "%s", int = "%s", timestamp = "%s", bool = "%s and 1 or 0", int64 = "%s.value" }

local function is_there(cell) return ("band(r.%s, %d) ~= 0"):format(cell.bits, cell.bit) end

-- Returns a value that is there.
local function write_read(w, cell)
  if cell.reference then
    w:line("local n = r.%s.length", cell.member)
    if not cell.view then w:line('if n == 0 then return "" end') end
    w:line("local p = C.tm_chain_blob(ctx, kept.slot, 0, cast(bytes, r) + %d)", cell.offset)
    if cell.view then
      w:line("return (%s(cast(int64, p), clock.row, n))", cell.kind == "any" and "any_value" or ("views[%s]"):format(quote(cell.type)))
    else
      w:line("return to_text(p, n)")
    end
  elseif cell.kind == "decimal" then
    w:line("return decimal_value(r.%s.low, r.%s.high, %d)", cell.member, cell.member, cell.scale)
  else
    w:line("return " .. READ[cell.kind], cell.member)
  end
end

local function write_keep(w, cell, p, n)
  if n ~= "0" then w:line("if %s > 67108864 then raise_too_long(%d, %s) end", n, cell.state, n) end
  w:line("local rc = C.tm_chain_keep(ctx, kept.slot, cast(bytes, r) + %d, %s, %s)", cell.offset, p, n)
  w:line("if rc ~= 0 then stop_by(rc) end")
end

-- The slot of a value that is not there is zero, as in rows: where that is the default, reading needs no question.
local ZEROS = { int = 0, timestamp = 0, double = 0, bool = false }
local function is_zero_default(s)
  local default = s.state.default
  return s.state.kind == "value" and not s.access and default ~= nil and default == ZEROS[s.cells[1].kind] and tostring(default) ~= "-0"
end

-- Stores the local `x`, which is of the cell's type; nil takes the value away. The record has been copied.
local function write_store(w, cell)
  w:open("if x == nil then")
  if cell.reference then
    w:open("if %s then", is_there(cell))
    write_keep(w, cell, "none_bytes", "0")
    w:close()
  end
  w:line("r.%s = band(r.%s, %d)", cell.bits, cell.bits, bit.bnot(cell.bit))
  if ZEROS[cell.kind] ~= nil then w:line("r.%s = 0", cell.member) end
  w:line("ctx.emptied = 1")
  w:middle("else")
  if cell.view then
    write_keep(w, cell, ('cast(bytes, x["\\%d"])'):format(views.AT:byte()), ('x["\\%d"]'):format(views.LENGTH:byte()))
  elseif cell.reference then
    write_keep(w, cell, "x", "#x")
  elseif cell.kind == "decimal" then
    w:line("r.%s.low, r.%s.high = x.low, x.high", cell.member, cell.member)
  else
    w:line("r.%s = %s", cell.member, STORE[cell.kind]:format("x"))
  end
  if cell.alone then w:line("r.%s = %d", cell.bits, cell.bit)
  else w:line("r.%s = bor(r.%s, %d)", cell.bits, cell.bits, cell.bit) end
  w:close()
end

local function write_touch(w, s) w:line(s.touch) end

-- --- text: time to live

local function now_of(ttl) return ttl.clock == "event" and "ctx.watermark" or "ctx.clock_ms" end

-- The time of the call, to which an access moves a value's time to live.
local function access_of(ttl) return ttl.clock == "event" and "call_time()" or "ctx.clock_ms" end

local function write_access(w, s)
  local ttl = s.state.ttl
  w:line("local at = %s", access_of(ttl))
  w:line("if not (%s) or r.%s < at then r.%s = at end", is_there(s), s.access, s.access)
end

-- What is over is not there: `r` has lost it.
local function write_expiry(w, s)
  if not s.access then return end
  w:line("if %s and r.%s + %d <= %s then %s() end", is_there(s), s.access, s.state.ttl.ms, now_of(s.state.ttl), s.forget)
end

---Returns whether the key of a pass has the state.
function keyed.write_has(w, s)
  w:line("local r = kept.acc")
  if s.collection and s.state.ttl.ms then -- all that it holds may be over
    w:line("if not (%s) then return false end", is_there(s))
    w:line("local n = C.tm_chain_size(ctx, kept.slot, %d)", s.collection)
    w:line("if n < 0 then stop_by(n) end")
    w:line("return n > 0")
    return
  end
  local over = s.access and (" and r.%s + %d > %s"):format(s.access, s.state.ttl.ms, now_of(s.state.ttl)) or ""
  w:line("return %s%s", is_there(s), over)
end

-- Takes away what a state holds; the time of the last access with it.
local function write_forget(w, g, s)
  s.forget = g.names:ref("forget_" .. s.number)
  g.names:func(w, "forget_" .. s.number)
  write_touch(w, s)
  w:line("local r, x = kept.acc, nil")
  for _, cell in ipairs(s.cells) do
    w:open("do")
    write_store(w, cell)
    w:close()
  end
  if s.state.custom then
    w:line("r.%s = band(r.%s, %d)", s.bits, s.bits, bit.bnot(s.bit))
    w:line("ctx.emptied = 1")
  end
  w:close()
end

-- --- text: methods

local function default_text(g, s)
  local default = s.state.default
  if default == nil then return "nil" end
  if type(default) == "number" and default == default and math.abs(default) < 1e15 then return ("%.17g"):format(default) end
  if type(default) == "boolean" then return tostring(default) end
  if type(default) == "string" then return quote(default) end
  return ("R.defaults[%d]"):format(s.number), g
end

-- Methods are called with a colon on their own state and on no other.
local function write_method(w, g, s, name, parameters)
  g.names:func(w, ("%s_%d"):format(name, s.number), "self" .. parameters)
  w:line("if not rawequal(self, %s) then misused(%d, %s) end", g.names:ref("state_" .. s.number), s.number, quote(name))
end

local function bad_value(s) return ("raise_state(%d, %%s, %%s)"):format(s.number) end

local function write_get(w, g, s)
  local default = default_text(g, s)
  if default:find("^R%.") then
    g.names:declare(w, "default_" .. s.number, default)
    default = g.names:ref("default_" .. s.number)
  end
  write_method(w, g, s, "get", "")
  w:line("local r = kept.acc")
  write_expiry(w, s)
  if not is_zero_default(s) then w:line("if not (%s) then return %s end", is_there(s), default) end
  if s.access and s.state.ttl.refresh == "access" then
    write_touch(w, s)
    write_access(w, s)
  end
  if s.state.custom then
    w:line("return (%s(%s))", g.names:ref("result_" .. s.number), g.names:ref("acc_" .. s.number))
  else
    write_read(w, s.cells[1])
  end
  w:close()
end

local function write_put(w, s)
  write_touch(w, s)
  w:line("local r = kept.acc")
  if s.access then
    w:open("if x ~= nil then")
    write_expiry(w, s)
    write_access(w, s)
    w:close()
  end
  write_store(w, s.cells[1])
  w:close()
end

-- The name is what messages about parts of a nested value begin with: process_runtime.lua makes "state ... of key ..." of it.
local function check_value(w, s)
  take.check(w, "x", { name = collections.PATH .. s.state.name, type = s.state.type }, bad_value(s))
end

local function write_value(w, g, s)
  write_get(w, g, s)
  write_method(w, g, s, "set", ", x")
  check_value(w, s)
  write_put(w, s)
end

-- What is added and what is kept make what is kept: as reduce over rows.
local function write_reducing(w, g, s)
  g.names:declare(w, "fold_" .. s.number, ("R.state_fns[%d].fn"):format(s.number))
  write_get(w, g, s)
  write_method(w, g, s, "add", ", x")
  check_value(w, s)
  w:line("if x == nil then raise_nothing(%d) end", s.number)
  w:line("local before = %s(%s)", g.names:ref("get_" .. s.number), g.names:ref("state_" .. s.number))
  w:open("if before ~= nil then")
  w:line("x = %s(before, x)", g.names:ref("fold_" .. s.number))
  check_value(w, s)
  w:close()
  write_put(w, s)
end

-- The accumulator: an object whose fields are values of the record.
local function write_accumulator(w, g, s)
  local n = s.number
  g.names:declare(w, "acc_" .. n, ("new_object(%s)"):format(quote("accumulator of " .. s.state.name)))
  for c, cell in ipairs(s.cells) do
    g.names:func(w, ("field_%d_%d"):format(n, c))
    w:line("local r = kept.acc")
    w:line("if not (%s) then return nil end", is_there(cell))
    write_read(w, cell)
    w:close()
  end
  g.names:func(w, "acc_index_" .. n, "_, k")
  for c, cell in ipairs(s.cells) do
    w:line("if k == %s then return (%s()) end", quote(cell.name), g.names:ref(("field_%d_%d"):format(n, c)))
  end
  w:line("return no_accumulator_field(%d, k)", n)
  w:close()
  for c, cell in ipairs(s.cells) do
    g.names:func(w, ("assign_%d_%d"):format(n, c), "x")
    take.check(w, "x", { name = cell.name, type = cell.type }, bad_value(s))
    write_touch(w, s)
    w:line("local r = kept.acc")
    write_store(w, cell)
    w:close()
  end
  g.names:func(w, "acc_assign_" .. n, "_, k, x")
  for c, cell in ipairs(s.cells) do
    w:line("if k == %s then return (%s(x)) end", quote(cell.name), g.names:ref(("assign_%d_%d"):format(n, c)))
  end
  w:line("return no_accumulator_field(%d, k)", n)
  w:close()
  w:line("define(%s, %s, %s)", g.names:ref("acc_" .. n), g.names:ref("acc_index_" .. n), g.names:ref("acc_assign_" .. n))
end

local function write_aggregating(w, g, s)
  local n, custom = s.number, s.state.custom
  write_accumulator(w, g, s)
  g.names:declare(w, "add_fn_" .. n, ("R.state_fns[%d].custom.add"):format(n))
  if custom.result then
    g.names:declare(w, "result_" .. n, ("R.state_fns[%d].custom.result"):format(n))
  else
    g.names:func(w, "result_" .. n)
    local parts = {}
    for c, cell in ipairs(s.cells) do parts[c] = ("[%s] = %s()"):format(quote(cell.name), g.names:ref(("field_%d_%d"):format(n, c))) end
    w:line("return { %s }", table.concat(parts, ", "))
    w:close()
  end
  write_get(w, g, s)
  g.names:func(w, "begin_" .. n)
  for c in ipairs(s.cells) do
    local default = custom.defaults[c]
    if default ~= nil then
      w:line("%s(%s)", g.names:ref(("assign_%d_%d"):format(n, c)), type(default) == "cdata" and ("R.state_fns[%d].custom.defaults[%d]")
        :format(n, c) or type(default) == "number" and ("%.17g"):format(default) or type(default) == "string" and quote(default)
        or tostring(default))
    end
  end
  w:close()
  write_method(w, g, s, "add", ", x")
  write_touch(w, s)
  w:line("local r = kept.acc")
  write_expiry(w, s)
  w:line("local fresh = not (%s)", is_there(s))
  if s.access then write_access(w, s) end
  w:line("if fresh then %s() end", g.names:ref("begin_" .. n))
  w:line("r.%s = bor(r.%s, %d)", s.bits, s.bits, s.bit)
  w:line("%s(%s, x)", g.names:ref("add_fn_" .. n), g.names:ref("acc_" .. n))
  w:close()
end

local function write_clear(w, g, s)
  write_method(w, g, s, "clear", "")
  w:line("%s()", s.forget)
  w:close()
end

local METHODS = { value = { "get", "set", "clear" }, reducing = { "get", "add", "clear" }, aggregating = { "get", "add", "clear" },
  map = collections.METHODS.map, list = collections.METHODS.list }
keyed.METHODS = METHODS

-- What methods take, those of maps apart.
local TAKES, TAKES_OF_MAP = { set = 1, add = 1, add_all = 1, update = 1 }, { put = 2, get = 1, has = 1, remove = 1 }
local COUNTS = { [0] = "no argument", "one argument", "two arguments" }
local MORE = { list = { add = "add_all { a, b } adds several", get = "one of them by its number: ctx.state.%s[1]" },
  map = { get = "where the map has no such key it is nil: ctx.state.%s:get(key) or 0" } }

---How many arguments a method of a state takes.
function keyed.takes(state, name) return (state.kind == "map" and TAKES_OF_MAP or TAKES)[name] or 0 end

---Why it takes no more.
function keyed.too_many(state, name)
  local more = (MORE[state.kind] or {})[name]
  return ("state %q: %s takes %s, given more"):format(state.name, name, COUNTS[keyed.takes(state, name)]),
    more and more:format(state.name) or nil
end

-- Names that other languages have for the methods.
local ALIASES = { map = { set = "put", insert = "put", delete = "remove", contains = "has", len = "size", length = "size",
    count = "size", entries = "pairs", items = "pairs", each = "pairs" },
  list = { push = "add", append = "add", put = "add", insert = "add", extend = "add_all", set = "update", len = "size", length = "size",
    count = "size", items = "values", each = "values", iterator = "values" } }

---What was meant by a member that a state does not have, if that can be told.
function keyed.method_hint(state, name)
  local alias = (ALIASES[state.kind] or {})[name]
  if alias then return ("did you mean %q?"):format(alias) end
  local hint = type(name) == "string" and suggest.hint(name, METHODS[state.kind]) or nil
  if hint or state.kind ~= "map" then return hint end
  return ("a value of the map: ctx.state.%s:get(%s)"):format(state.name, type(name) == "string" and quote(name) or tostring(name))
end

local KINDS = { value = write_value, reducing = write_reducing, aggregating = write_aggregating }

local function write_kind(w, g, s)
  if s.collection then return collections["write_" .. s.state.kind](w, g, s, write_method) end
  write_forget(w, g, s)
  KINDS[s.state.kind](w, g, s)
  write_clear(w, g, s)
end

-- What a state's object gives by name; a list also by number.
---Methods that change nothing.
keyed.READS = { get = true, has = true, size = true, is_empty = true, pairs = true, keys = true, values = true }

---@param read_only boolean? those that change something are errors
local function write_members(w, g, s, read_only)
  local n = s.number
  g.names:func(w, "method_" .. n, "_, k")
  if s.state.kind == "list" then w:line('if type(k) == "number" then return (%s(k)) end', g.names:ref("item_" .. n)) end
  for _, name in ipairs(METHODS[s.state.kind]) do
    local refused = read_only and not keyed.READS[name]
    w:line("if k == %s then return %s end", quote(name), refused and "read_only" or g.names:ref(("%s_%d"):format(name, n)))
  end
  w:line("return no_method(%d, k)", n)
  w:close()
  local more = s.collection and (", nil, %s, %s, %s"):format(g.names:ref("size_" .. n), g.names:ref("pairs_" .. n),
    tostring(s.state.kind == "list")) or ""
  w:line("define(%s, %s%s)", g.names:ref("state_" .. n), g.names:ref("method_" .. n), more)
end

---Writes the objects of all states: names:ref("states") is what ctx.state is.
function keyed.write(w, g, record)
  local of = record.of or "state"
  w:line("local states = new_object('ctx.%s')", of)
  if not record.states[1] then
    w:line("define(states, no_%s)", of)
    return
  end
  for _, s in ipairs(record.states) do
    local n = s.number
    w:line("")
    w:line("-- state %s: %s %s", (s.state.name:gsub("%c", "?")), s.state.kind, s.state.type)
    -- The object comes first, its members when they are there: a method knows it as a constant.
    g.names:declare(w, "state_" .. n, ("new_object(%s)"):format(quote(("ctx.%s.%s"):format(of, s.state.name))))
    write_kind(w, g, s)
    write_members(w, g, s, record.read_only)
  end
  w:open("local function state_index(_, k)")
  for _, s in ipairs(record.states) do w:line("if k == %s then return %s end", quote(s.state.name), g.names:ref("state_" .. s.number)) end
  w:line("return %s", record.otherwise or ("no_%s(_, k)"):format(of))
  w:close()
  w:line("define(states, state_index)")
end

-- --- at run time
-- -----------------------------------------------------------------------------------------------------------------

---The struct of a record, and its pointer.
function keyed.struct(record)
  local name = layout.declare("tm_keyed", record.struct_text)
  if ffi.sizeof(name) ~= record.bytes then
    fault.raise("INTERNAL", "", ("a record of %d bytes takes %d"):format(record.bytes, ffi.sizeof(name)))
  end
  return name, ffi.typeof(name .. " *")
end


return keyed
