-- Rows of a chain whose types are not all known yet. User functions run exactly once per row; their results are kept
-- as Lua values, and the first non-nil value of every unknown column gives its type. When the types are settled, for
-- this subtask and all others, the kept rows are written, and generated code takes over.
local ffi = require "ffi.init"

local arena = require "codegen.arena"
local codes = require "tidemill.codes"
local failures = require "codegen.failures"
local fault = require "tidemill.fault"
local fit = require "codegen.fit"
local layout = require "ffi.layout"
local metrics = require "tidemill.metrics"
local problem = require "codegen.problem"
local random = require "tidemill.random"
local records = require "codegen.records"
local rows = require "codegen.rows"
local shown = require "codegen.shown"
local unknown = require "codegen.unknown"
local views = require "codegen.views"

local interpret = {}

local Interpreter = {}
Interpreter.__index = Interpreter

local bytes = ffi.typeof("uint8_t *")

local function visible(schema)
  local names = {}
  for _, f in ipairs(schema.fields) do if not f.hidden then names[#names + 1] = f.name end end
  return names
end

-- --- types
-- -----------------------------------------------------------------------------------------------------------------

-- A value for an output column of operator k: checked, its type noted where it is not known. Raises what fails.
local function checked(self, k, field, value, fail)
  local node = self.nodes[k]
  if field.type ~= "?" then
    local fits, converted = fit.value(field, value)
    if not fits then return fail(k - 1, field.name, value) end
    return converted
  end
  if value == self.null then value = nil end
  if value == nil then return nil end
  local noted = self.types[node.id]
  if not noted[field.name] then
    noted[field.name] = fit.type_of(value)
    if not noted[field.name] then
      error(fault.new("ROW_TYPE", node.where, ("column %q is given %s, which no column holds"):format(field.name,
        problem.show(value)), "a column holds a number, a text, a bool, a decimal, an int64 or a table of such"), 0)
    end
  end
  local fits, converted = fit.value({ name = field.name, type = noted[field.name] }, value)
  if not fits then
    error(fault.new("ROW_TYPE", node.where, ("column %q is %s since its first row, given %s"):format(field.name,
      noted[field.name], problem.show_typed(value)), ":returns declares the types of columns"), 0)
  end
  return converted
end

-- The columns of every operator that have no type yet, in any subtask; some may have got one since the last batch.
local function look(self)
  for k, node in ipairs(self.nodes) do self.open[k] = unknown.open_columns(node) end
end

-- Has every column of every operator a type?
local function complete(self)
  for k, node in ipairs(self.nodes) do
    for name in pairs(self.open[k]) do if not self.types[node.id][name] then return false end end
  end
  return true
end

-- Rows are kept in memory until their types are known: not without end. Where they come from a source, this subtask can
-- wait for what the others see; where they come through an exchange it cannot, because the rows of the others may stand
-- behind its own.
local function count_row(self, k)
  local node = self.nodes[k]
  self.seen[k] = self.seen[k] + 1
  if self.seen[k] < unknown.ROWS_MAX then return end
  for name in pairs(self.open[k]) do
    if not self.types[node.id][name] then
      if self.among.first then
        self.full = true
      else
        self.fatal = unknown.undecidable(node, name, unknown.ROWS_MAX)
        error(failures.STOP, 0)
      end
    end
  end
end

-- --- operators
-- -------------------------------------------------------------------------------------------------------------

local IN, OUT, FILTERED, USED = 0, 1, 2, 3 -- enum of core/vm/chain.ffi.h

local function add(self, k, which, n)
  local at = 4 * (k - 1) + which
  local counts = ffi.cast("int64_t *", self.ctx.counts) -- an unsigned count takes no negative number
  counts[at] = counts[at] + n
end

local step

local function finish(self, k, env)
  add(self, k, OUT, 1)
  count_row(self, k)
  return step(self, k + 1, env)
end

-- Columns that pass through untouched.
local function passed(node, env)
  local out = {}
  for name, from in pairs(node.passes) do out[name] = env[from] end
  return out
end

-- A value as user code sees it: of stored bytes, a view.
local function seen(value)
  if not rows.is_stored(value) then return value end
  arena.begin()
  local at = arena.open(0)
  arena.text(value.bytes)
  return views.value(value.type, arena.state.base + at, #value.bytes)
end

local function argument(self, k, env, field)
  local made = self.nodes[k].made
  if made then return random.at_row(made.seed, field, env[made.number]), random.random end
  if self.nodes[k].input.bare then return env.line end
  if self.nodes[k].strict then self.records[k] = self.renewals[k]() end
  return self.records[k]
end

-- What a row that a function gave has in its columns, as a function of their names. Raises when it is no row.
---@param node table the operator, or one of its side outputs
---@param fails table what to do with a column that is not there, and with what is no row
local function reader(self, k, env, x, node, fails)
  local value_of
  if rawequal(x, self.records[k]) then
    local assigned = self.assigned[k]
    value_of = function(name)
      local v = assigned[name]
      if v == nil then return env[name] end
      if v == self.null then return nil end
      return v
    end
  elseif type(x) == "table" then
    for key in next, x do
      local index = node.schema.by_name[key]
      if not index or node.schema.fields[index].hidden or (node.keeps and node.passes[key] == key) then fails.key(key) end
    end
    value_of = function(name) return rawget(x, name) end
  elseif type(x) == "string" and node.schema.by_name.line and node.codegen.result.text then
    value_of = function(name) return name == "line" and x or nil end
  else
    fails.row(x)
  end
  return value_of
end

-- The row that a map returned or a flat_map emitted, as values of the output columns. Raises when it is none.
local function result_of(self, k, env, x)
  local node = self.nodes[k]
  local out = passed(node, env)
  local value_of = reader(self, k, env, x, node, {
    key = function(key) self.fails.throw_key(k - 1, key) end,
    row = function(value) self.fails.throw_row(k - 1, value) end,
  })
  for _, f in ipairs(node.schema.fields) do
    if not node.passes[f.name] then out[f.name] = checked(self, k, f, value_of(f.name), self.fails.throw_value) end
  end
  return out
end

-- A row for the side output of this number, straight into its batch: its types are always known.
local function write_side(self, k, env, i, x)
  local side, at = self.nodes[k].codegen.sides[i], self.ctx.sides[i - 1]
  local out, l = passed(side, env), layout.of(side.schema)
  local value_of = reader(self, k, env, x, side, {
    key = function(key) self.fails.raise_side_key(i, key) end,
    row = function(value) self.fails.raise_side_row(i, value) end,
  })
  for _, f in ipairs(side.schema.fields) do
    if not side.passes[f.name] then
      local value = value_of(f.name)
      if value == self.null then value = nil end
      local fits, converted = fit.value(f, value)
      if not fits then self.fails.raise_side_value(i, f.name, value) end
      out[f.name] = converted
    end
  end
  local size = rows.size(l, out)
  if size > 64 * 1024 * 1024 then self.fails.raise_side_large(i, k, size) end
  if at.out_capacity - at.out_size < size then
    local rc = self.C.tm_chain_grow_side(self.ctx, i - 1, size)
    if rc == codes.LIMIT then self.fails.raise_side_batch(i) end
    if rc ~= 0 then
      self.stop = rc
      error(failures.STOP, 0)
    end
  end
  rows.write(l, at.out + at.out_size, out, self.kind)
  at.out_size, at.out_rows = at.out_size + size, at.out_rows + 1
end

-- What a function gets as `out`; `main` takes rows that are for no side output.
local function out_of(self, k, env, main)
  local node, active = self.nodes[k], true
  local function out(x, y)
    if not active then self.fails.raise_out(k - 1) end
    if y == nil then return main(x) end
    if k == #self.nodes then
      for i, side in ipairs(node.codegen.sides) do
        if side.tag == x then return write_side(self, k, env, i, y) end
      end
    end
    local a = node.codegen.analysis
    for _, exit in ipairs(a.side_emits) do if exit.tag == x then return end end -- nobody reads it
    if type(x) == "string" and (a.out_escapes or not a.known) then return end
    self.fails.raise_tag(k - 1, x)
  end
  return out, function() active = false end
end

-- Calls the function of a map or filter.
local function call(self, k, env)
  if self.nodes[k].made then return pcall(self.nodes[k].fn, argument(self, k, env, 0)) end
  local out, finished = out_of(self, k, env, function(x) self.fails.raise_tag(k - 1, x) end)
  local ok, x = pcall(self.nodes[k].fn, argument(self, k, env), out)
  finished()
  if self.stop ~= 0 then error(failures.STOP, 0) end
  return ok, x
end

local verbs = {}

function verbs.filter(self, k, env)
  local ok, keep = call(self, k, env)
  if not ok then return false, keep end
  if not keep then
    add(self, k, FILTERED, 1)
    return true
  end
  return true, env
end

function verbs.each(self, k, env)
  local kind = self.nodes[k].input.changelog and rows.KINDS[self.kind] or nil
  local ok, err = pcall(self.nodes[k].fn, argument(self, k, env), kind)
  if not ok then return false, err end
  return true, env
end

function verbs.select(self, k, env) return true, passed(self.nodes[k], env) end
verbs.drop = verbs.select

function verbs.assign(self, k, env)
  local node = self.nodes[k]
  local out = passed(node, env)
  for i, a in ipairs(node.assigns) do
    local ok, x = pcall(a.fn, argument(self, k, env, i))
    if not ok then return false, x end
    if not node.passes[a.name] then
      local field = node.schema.fields[node.schema.by_name[a.name]]
      local good, value = pcall(checked, self, k, field, x, self.fails.throw_value)
      if not good then return false, value end
      out[a.name] = value
    end
  end
  return true, out
end

function verbs.key(self, k, env)
  local node = self.nodes[k]
  local out = passed(node, env)
  local ok, x = pcall(node.fn, argument(self, k, env))
  if not ok then return false, x end
  local good, value = pcall(function()
    if x == nil or (node.verb == "gap" and type(x) == "number" and not (x > 0)) then self.fails.throw_value(k - 1, node.key_name, x) end
    return checked(self, k, node.schema.fields[node.schema.by_name[node.key_name]], x, self.fails.throw_value)
  end)
  if not good then return false, value end
  if not node.passes[node.key_name] then out[node.key_name] = value end
  return true, out
end

verbs.partition, verbs.event_time, verbs.gap = verbs.key, verbs.key, verbs.key

function verbs.map(self, k, env)
  local ok, x = call(self, k, env)
  if not ok then return false, x end
  return pcall(result_of, self, k, env, x)
end

function verbs.flat_map(self, k, env)
  local out, finished = out_of(self, k, env, function(x)
    finish(self, k, result_of(self, k, env, x))
    metrics.enter(self.ctx, k)
  end)
  local ok, err = pcall(self.nodes[k].fn, argument(self, k, env), out)
  finished()
  if self.stop ~= 0 or self.fatal then error(failures.STOP, 0) end
  if not ok then return false, err end
  return true
end

function step(self, k, env)
  local node = self.nodes[k]
  if not node then
    self.kept[#self.kept + 1] = { env = env, kind = self.kind, row = self.row }
    return
  end
  add(self, k, IN, 1)
  metrics.enter(self.ctx, k)
  self.env[k], self.assigned[k] = env, {}
  local ok, out = verbs[node.verb](self, k, env)
  if not ok then return self.fails.fail(k - 1, out) end
  if out or node.verb == "flat_map" then add(self, k, USED, 1) end
  if out then finish(self, k, out) end
end

-- --- the instance's side
-- ---------------------------------------------------------------------------------------------------

---@param nodes table[] function nodes, or one reduce (which has no types of its own and waits for its input's)
---@param ctx ffi.cdata* struct tm_chain_ctx *
---@param C table with tm_chain_grow and tm_chain_fail
---@param among table { subtask =, count = of subtasks, first = boolean: its rows come from a source, not from other subtasks }
function interpret.new(nodes, ctx, C, among)
  local found, null = pcall(require, "tidemill.null")
  local self = setmetatable({ nodes = nodes, ctx = ctx, C = C, null = found and null or {}, types = {}, seen = {}, kept = {},
    written = 0, env = {}, assigned = {}, records = {}, renewals = {}, open = {}, stop = 0, finished = false, among = among }, Interpreter)
  local show = shown.of_tables(nodes, function() return self.at end, self.env)
  self.fails = failures.new(nodes, function(k, code, message)
    local row, row_of = show(k, code)
    return C.tm_chain_fail(ctx, k, ffi.cast(bytes, row), row_of, code, message, #message)
  end, function(rc)
    self.stop = rc
    error(failures.STOP, 0)
  end)
  for k, node in ipairs(nodes) do
    self.types[node.id], self.seen[k] = {}, 0
    local is_column = {}
    for _, name in ipairs(visible(node.input)) do is_column[name] = true end
    local new = node.strict and records.strict or records.new
    self.records[k] = new(node, function(_, name)
      if not self.env[k] then
        problem.raise("USER_CODE", "a record is used after the call that it was given to", "e:copy() keeps a record")
      end
      local v = self.assigned[k][name]
      if v ~= nil then
        if v == self.null then return nil end
        return seen(v)
      end
      if not is_column[name] and not (node.schema.by_name[name] and node.verb == "map") then
        if name == "copy" then return records.copy end
        self.fails.no_field(k - 1, name)
      end
      return seen(self.env[k][name])
    end, function(_, name, value)
      local index = node.verb == "map" and node.schema.by_name[name]
      if not index or node.schema.fields[index].hidden then self.fails.raise_column(k - 1, name) end
      self.assigned[k][name] = value == nil and self.null or value
    end)
    self.renewals[k] = records.renewal(self.records[k])
  end
  return self
end

local function read_rows(self)
  local ctx = self.ctx
  local l = layout.of(self.nodes[1].input)
  while ctx["in"] ~= ctx.in_end do
    local row = ffi.cast(l.pointer, ctx["in"])
    self.at, self.kind = ctx["in"], row.kind
    self.row = ffi.string(ctx["in"], row.size_bytes)
    views.clock.row = views.clock.row + 1
    ctx["in"], ctx.in_rows = ctx["in"] + row.size_bytes, ctx.in_rows - 1
    step(self, 1, rows.read(l, self.at))
    if self.full or complete(self) then break end
  end
end

-- The operator whose function gave a column of the last one.
local function origin(self, name)
  for k = #self.nodes, 1, -1 do
    local from = self.nodes[k].passes[name]
    if not from then return k, name end
    name = from
  end
  return 1, name
end

-- A kept row that does not fit the settled types fails where its value was made, as if it had never gone on.
local function fail_kept(self, _, name, value)
  local k, made = origin(self, name)
  add(self, k, OUT, -1)
  if self.nodes[k].verb ~= "flat_map" then add(self, k, USED, -1) end
  for j = k + 1, #self.nodes do
    add(self, j, IN, -1)
    add(self, j, OUT, -1)
    add(self, j, USED, -1)
  end
  self.fails.bad_value(k - 1, made, value)
end

local function write_kept(self, l, schema, kept)
  local ctx, values = self.ctx, {}
  for _, f in ipairs(schema.fields) do
    local fits, value = fit.value(f, kept.env[f.name])
    if not fits then return fail_kept(self, kept, f.name, kept.env[f.name]) end
    values[f.name] = value
  end
  local size = rows.size(l, values)
  if size > 64 * 1024 * 1024 then return self.fails.too_large(#self.nodes - 1, size) end
  if ctx.out_capacity - ctx.out_size < size then
    local rc = self.C.tm_chain_grow(ctx, size)
    if rc ~= 0 then
      self.stop = rc
      error(failures.STOP, 0)
    end
  end
  rows.write(l, ctx.out + ctx.out_size, values, kept.kind)
  ctx.out_size = ctx.out_size + size
  ctx.out_rows = ctx.out_rows + 1
end

local function write_all(self)
  local schema = self.nodes[#self.nodes].schema
  local l, ctx = layout.of(schema), self.ctx
  for k = 1, #self.nodes do self.env[k] = nil end -- what the operators got is gone
  while self.written < #self.kept do
    if ctx.out_rows >= ctx.out_full or ctx.out_size >= ctx.out_full_bytes then return 1 end
    self.written = self.written + 1
    local kept = self.kept[self.written]
    self.kept[self.written] = false
    self.at = ffi.cast(bytes, kept.row)
    write_kept(self, l, schema, kept)
  end
  self.finished = true
  return 0
end

local function guarded(self, fn)
  local ok, rc = pcall(fn, self)
  if ok then return rc end
  if self.fatal then error(self.fatal, 0) end
  if not rawequal(rc, failures.STOP) then error(rc, 0) end
  rc, self.stop = self.stop, 0
  return rc
end

local function propose(self)
  self.proposal = unknown.write(self.types)
  return 2
end

-- What this subtask knows, and that it sees no more values.
local function propose_last(self, state)
  local types = {}
  for k, node in ipairs(self.nodes) do
    types[node.id] = {}
    for name in pairs(self.open[k]) do types[node.id][name] = self.types[node.id][name] or "?" end
  end
  self.proposal = unknown.write(types, { subtask = self.among.subtask, count = self.among.count, state = state })
  return state == "empty" and 3 or 2
end

---0: the input is used up (`finished`: and the kept rows are written), 1: the output is full, 2: settle self.proposal.
function Interpreter:run()
  if not unknown.any(self.nodes) then return guarded(self, write_all) end
  if self.ctx["in"] == self.ctx.in_end then return 0 end
  look(self)
  if not self.full and not complete(self) then
    local rc = guarded(self, read_rows)
    if rc then return rc end
  end
  if complete(self) then return propose(self) end
  return self.full and propose_last(self, "full") or 0
end

---At the end of input: as run, and 3: self.proposal is for the others, no row here waits for an answer. A column that no
---subtask has a value for is decided once all have come here.
function Interpreter:finish()
  if not unknown.any(self.nodes) then return guarded(self, write_all) end
  look(self)
  if #self.kept > 0 then return propose_last(self, "rows") end
  if self.told then return 0 end
  self.told = true
  return propose_last(self, "empty")
end

return interpret
