-- What the specs of the code generator share: graphs made by hand, rows in buffers, a context with C's functions in
-- Lua. Engine functions in C come from the test library: TM_TEST_LIBRARY, or build/libtidemill_test.so.
local here = debug.getinfo(1, "S").source:match("^@(.*)tests/spec/codegen/support%.lua$") or ""
package.path = here .. "lua/?.lua;" .. here .. "lua/?/init.lua;" .. package.path

local ffi = require "ffi.init"

-- As lua/tidemill/host.lua sets them.
require("jit.opt").start("maxtrace=8000", "maxrecord=16000", "maxirconst=2000", "maxside=400", "maxsnap=2000",
  "sizemcode=256", "maxmcode=40960")

local support = { root = here }

local function load_library()
  local path = os.getenv("TM_TEST_LIBRARY") or here .. "build/libtidemill_test.so"
  local ok, lib = pcall(ffi.load, path, true)
  if not ok then
    error("the specs need the test library (target tidemill_test, or TM_TEST_LIBRARY): " .. tostring(lib))
  end
  return lib
end
support.library = load_library()

local codegen = require "codegen"
local layout = require "ffi.layout"
local rows = require "codegen.rows"
local codes = require "tidemill.codes"
local unknown = require "codegen.unknown"
local fit = require "codegen.fit"
local views = require "codegen.views"
local metrics = require "tidemill.metrics"

support.codegen, support.codes = codegen, codes
support.decimal, support.int64 = require "codegen.decimal", require "codegen.int64"

-- Metrics that operators of these specs use; all runners made after them have slots for them.
support.session = { metrics = {} }
support.metrics = metrics.constructors(support.session, function() return { at = "job.lua:1" } end, function() end)

-- Slots for every operator of a runner.
local function give_slots(r)
  local count = #support.session.metrics
  if count == 0 then return end
  r.slots_of, r.metric_slots = ffi.new("struct tm_metric_slot *[?]", #r.nodes), {}
  for k = 1, #r.nodes do
    r.metric_slots[k] = ffi.new("struct tm_metric_slot[?]", count)
    r.slots_of[k - 1] = r.metric_slots[k]
  end
  r.ctx.slots_of = r.slots_of
  metrics.C = { tm_chain_buckets = function(_, slot)
    local buckets = ffi.new("uint64_t[?]", 64 * 32)
    r.anchors[#r.anchors + 1] = buckets
    slot.buckets, slot.is_set = buckets, 1
    return 0
  end }
end

---Rows as sorted texts "a=1 b=x", for comparison and messages.
function support.text(list)
  local texts = {}
  for i, row in ipairs(list) do
    local parts = {}
    for k, v in pairs(row) do
      parts[#parts + 1] = tostring(k) .. "=" .. (type(v) == "number" and ("%.17g"):format(v) or tostring(v))
    end
    table.sort(parts)
    texts[i] = table.concat(parts, " ")
  end
  return texts
end

---"a int; b double!; $time timestamp@" -> schema. "!" never null, "$" hidden, "@" the time column.
function support.schema(text, bare)
  local s = { fields = {}, by_name = {}, bare = bare }
  for part in text:gmatch("([^;]+)") do
    local name, type_name, flags = part:match("^%s*(%S+)%s+(.-)([!@]*)%s*$")
    assert(name, "a column: " .. part)
    s.fields[#s.fields + 1] = { name = name, type = type_name, required = flags:find("!") ~= nil,
      hidden = name:sub(1, 1) == "$" }
    if flags:find("@") then s.time_field = #s.fields end
    s.by_name[name] = #s.fields
  end
  return s
end

---A chain of nodes behind a source of this schema; each spec is { verb =, fn = ... }.
function support.nodes(schema, specs)
  local source = { id = 0, kind = "source", verb = "from", name = "source", where = "job.lua:1", inputs = {},
    schema = schema }
  local all, before = { source }, source
  for i, spec in ipairs(specs) do
    local node = { id = i, kind = spec.verb == "reduce" and "reduce" or "function", where = "job.lua:" .. i + 1,
      name = ("%s(job.lua:%d)"):format(spec.verb, i + 1), inputs = { before } }
    for k, v in pairs(spec) do node[k] = v end
    node.input = before.schema
    node.findings = codegen.derive(node)
    all[#all + 1], before = node, node
  end
  local chain = {}
  for i = 2, #all do chain[#chain + 1] = all[i] end
  chain.graph = all
  return chain, all
end

---A window with a custom aggregate over rows of this schema. custom: { schema =, defaults =, add =, merge = }.
function support.custom(schema, custom)
  local node = { id = 1, kind = "window", verb = "aggregate", name = "totals", where = "job.lua:2", inputs = {}, input = schema,
    schema = custom.schema, custom = custom, reads = {} }
  node.findings = codegen.derive_custom(node)
  return { node }
end

---A watermark over rows of this schema, whose event time is `field`. generator: { schema =, defaults =, event =, periodic = }.
function support.watermark(schema, field, generator)
  local node = { id = 1, kind = "watermark", verb = "watermark", name = "watermark(" .. field .. ")", where = "job.lua:2", inputs = {},
    input = schema, schema = schema, field = field, generator = generator, reads = { [field] = true } }
  node.findings = codegen.derive_custom(node)
  return { node }
end

local states = require "tidemill.states"
local schemas = require "tidemill.schema"
local keyed = require "codegen.keyed"
local CALL = { at = "job.lua:2" }

---tm.value and the like, outside of a job.
support.state = {
  value = function(...) return states.value(CALL, ...) end,
  reducing = function(...) return states.reducing(CALL, ...) end,
  aggregating = function(...) return states.aggregating(CALL, ...) end,
  list = function(item, options)
    local made = schemas.list(CALL, item)
    return options and states.collection(CALL, "tm.list", made, options) or made
  end,
  map = function(key, value, options)
    local made = schemas.map(CALL, key, value)
    return options and states.collection(CALL, "tm.map", made, options) or made
  end,
}

---A process over rows of this schema. spec: { key =, state =, each =, timer =, read_sides =, returns = }
---Of two inputs it has a `verb` and roles: { left =, right =, other = schema, second_key = } or { each =, rule =, other =, broadcast = }.
function support.process(schema, spec)
  if spec.other then return support.two_inputs(schema, spec) end
  local node = { id = 1, kind = "process", verb = "process", roles = { "each" }, name = "velocity", where = "job.lua:2", inputs = {},
    input = schema,
    metrics = spec.metrics or {} }
  local declared = type(spec.state) == "function" and spec.state() or spec.state
  node.states = states.declare(CALL, "process", declared, schema.time_field)
  local of_window = type(spec.window_state) == "function" and spec.window_state() or spec.window_state
  node.window_states = states.declare(CALL, "process", of_window, schema.time_field, "window")
  for _, name in ipairs { "key", "each", "timer", "open", "close", "clear", "of_window", "read_sides", "returns" } do
    node[name] = spec[name]
  end
  node.findings = codegen.derive_process(node)
  return { node }
end

function support.two_inputs(schema, spec)
  local broadcast = type(spec.broadcast) == "function" and spec.broadcast() or spec.broadcast
  local state = type(spec.state) == "function" and spec.state() or spec.state
  local node = { id = 1, kind = "process", verb = spec.rule and "process_broadcast" or "connect",
    roles = spec.rule and { "each", "rule" } or { "left", "right" }, name = "both", where = "job.lua:2", input = schema,
    inputs = { { schema = schema }, { schema = spec.other } }, metrics = {},
    states = states.declare(CALL, "both", state, schema.time_field),
    broadcast = states.declare(CALL, "both", broadcast, nil, "broadcast") }
  for _, name in ipairs { "key", "second_key", "each", "left", "right", "rule", "timer", "open", "close", "read_sides", "returns" } do
    node[name] = spec[name]
  end
  node.findings = codegen.derive_process(node)
  return { node }
end

---The record of a process's broadcast state, for its runner.
function support.broadcast_record(runner, node)
  local l = keyed.layout(node.broadcast, 0, "broadcast")
  local memory, slots = ffi.new("uint64_t[?]", l.bytes / 8), ffi.new("uint8_t *[1]")
  slots[0] = ffi.cast("uint8_t *", memory)
  runner.broadcast, runner.broadcast_slots, runner.ctx.broadcast = memory, slots, slots + 1
  return slots[0], l
end

---Records for windows, `count` of them, one for many rows each.
function support.window_records(runner, node, count)
  local l = keyed.layout(node.window_states, 0, "window_state")
  local memory, slots = ffi.new("uint64_t[?]", l.bytes / 8 * count), ffi.new("uint8_t *[4096]")
  for i = 0, 4095 do slots[i] = ffi.cast("uint8_t *", memory + i * 3 % count * l.bytes / 8) end
  runner.window_memory, runner.window_slots, runner.ctx.window_state = memory, slots, slots
end

-- What stands for core/operator/collections.c: entries in the order in which they came, none expires, nothing is undone. It makes
-- no garbage that C would not make: bytes lie in buffers of 16, longer ones in buffers of their own. What has been found of a map
-- with keys and values of a word is known until an entry goes.
local Bytes = ffi.typeof("uint64_t[2]")

local function buffer_of(p, n)
  local buffer = n <= 16 and Bytes() or ffi.new("uint64_t[?]", math.ceil(n / 8))
  ffi.copy(buffer, p, n)
  return buffer
end

local function collection_of(r, slot, n)
  local id = tonumber(ffi.cast("intptr_t", slot[-1])) * 64 + n
  local found = r.kept_entries[id]
  if not found then
    found = { by = {}, keys = {}, values = {}, lengths = {} }
    r.kept_entries[id] = found
  end
  return found
end

local function show_entry(ctx, c, i)
  ctx.found, ctx.found_length = ffi.cast("const uint8_t *", c.values[i]), c.lengths[i]
  local key = c.keys[i]
  if key then ctx.found_key, ctx.found_key_length = ffi.cast("const uint8_t *", key), #key end
  return 1
end

-- core/operator/collection_known.c
local function know(r, slot, n, key, length, c, i)
  local state = r.collections and r.collections[n + 1]
  if not (state and state.changes) or length ~= 8 then return end
  local known = r.known[(slot - r.slots - 1) * #r.collections + n]
  known.key = 0 / 0
  if state.state.key == "double" then known.key = ffi.cast("const double *", key)[0]
  elseif state.state.key == "int" or state.state.key == "timestamp" then known.key = tonumber(ffi.cast("const int64_t *", key)[0]) end
  known.call, known.value = -1, nil
  if i then known.value = ffi.cast("union tm_chain_cell *", c.values[i]) end
end

local function forget(r)
  for i = 0, r.collections and r.known_count - 1 or -1 do r.known[i].key = 0 / 0 end
end

function support.collections(r)
  r.kept_entries, r.walks = {}, {}
  local C = require("codegen.instance").C
  local function find(slot, n, key, length)
    local c = collection_of(r, slot, n)
    return c, c.by[ffi.string(key, length)]
  end
  function C.tm_chain_map_find(ctx, slot, n, key, length)
    local c, i = find(slot, n, key, length)
    know(r, slot, n, key, length, c, i)
    return i and show_entry(ctx, c, i) or 0
  end
  function C.tm_chain_map_put(_, slot, n, key, length, value, value_length)
    local c, i = find(slot, n, key, length)
    if not i then
      i = #c.keys + 1
      c.keys[i] = ffi.string(key, length)
      c.by[c.keys[i]] = i
    end
    if c.lengths[i] == value_length and value_length <= 16 then ffi.copy(c.values[i], value, value_length)
    else c.values[i], c.lengths[i] = buffer_of(value, value_length), value_length end
    know(r, slot, n, key, length, c, i)
    return 0
  end
  function C.tm_chain_map_remove(_, slot, n, key, length)
    local c, i = find(slot, n, key, length)
    if not i then return 0 end
    forget(r)
    local last = #c.keys
    c.by[c.keys[last]] = i
    c.by[ffi.string(key, length)] = nil
    c.keys[i], c.values[i], c.lengths[i] = c.keys[last], c.values[last], c.lengths[last]
    c.keys[last], c.values[last], c.lengths[last] = nil, nil, nil
    return 0
  end
  function C.tm_chain_list_append(_, slot, n, value, length)
    local c = collection_of(r, slot, n)
    local i = #c.values + 1
    c.values[i], c.lengths[i] = buffer_of(value, length), length
    return 0
  end
  function C.tm_chain_list_find(ctx, slot, n, i)
    local c = collection_of(r, slot, n)
    return c.values[i] and show_entry(ctx, c, i) or 0
  end
  function C.tm_chain_size(_, slot, n) return #collection_of(r, slot, n).values end
  function C.tm_chain_clear(_, slot, n)
    forget(r)
    r.kept_entries[tonumber(ffi.cast("intptr_t", slot[-1])) * 64 + n] = nil
    return 0
  end
  function C.tm_chain_walk(ctx, slot, n)
    r.walk = (r.walk or 0) + 1
    r.walks[r.walk % 16] = { collection_of(r, slot, n), 0, r.walk, ctx.call }
    return r.walk
  end
  function C.tm_chain_walk_next(ctx, number)
    local walk = r.walks[number % 16]
    if walk[3] ~= number or walk[4] ~= ctx.call then return codes.NOT_FOUND end
    walk[2] = walk[2] + 1
    if walk[2] > #walk[1].values then return 0 end
    return show_entry(ctx, walk[1], walk[2])
  end
end

---Records for `count` keys of a process's runner: record i is at(i).
function support.records(runner, count)
  local l = keyed.layout(runner.nodes[1].states)
  local memory, slots = ffi.new("uint64_t[?]", l.bytes / 8 * count), ffi.new("uint8_t *[4096]")
  local function at(i) return ffi.cast("uint8_t *", memory + i * l.bytes / 8) end
  runner.records, runner.slots, runner.ctx.slots = memory, slots, slots
  local collections = {}
  for _, s in ipairs(l.states) do if s.collection then collections[s.collection + 1] = s end end
  if l.maps then
    local known = ffi.new("struct tm_chain_known[?]", 4096 * #collections)
    runner.collections, runner.known, runner.known_count, runner.ctx.known = collections, known, 4096 * #collections, known
    forget(runner)
  end
  return at, slots, l
end

---Types and names of visible columns: "a int, b double".
function support.show(schema)
  local parts = {}
  for _, f in ipairs(schema.fields) do parts[#parts + 1] = f.name .. " " .. f.type .. (f.required and "!" or "") end
  return table.concat(parts, ", ")
end

-- Tables of values with those of nested columns as the rows hold them.
local function stored(schema, list)
  local all = {}
  for i, r in ipairs(list) do
    local copy = {}
    for k, v in pairs(r) do copy[k] = v end
    for _, f in ipairs(schema.fields) do
      if layout.is_view(f.type) and copy[f.name] ~= nil then
        local fits, value = fit.value(f, copy[f.name])
        assert(fits)
        copy[f.name] = value
      end
    end
    all[i] = copy
  end
  return all
end

-- Stored bytes as tables.
local function plain(values)
  for k, v in pairs(values) do
    if rows.is_stored(v) then
      local buffer = ffi.new("uint64_t[?]", math.ceil(#v.bytes / 8) + 1)
      ffi.copy(buffer, v.bytes, #v.bytes)
      values[k] = views.deep(views.value(v.type, ffi.cast("uint8_t *", buffer), #v.bytes))
    end
  end
  return values
end

---Rows in a buffer. `list`: tables of values.
---@return ffi.cdata* buffer, integer size
function support.buffer(schema, list)
  list = stored(schema, list)
  local l, size = layout.of(schema), 0
  for _, r in ipairs(list) do size = size + rows.size(l, r) end
  local buffer = ffi.new("uint64_t[?]", size / 8 + 8)
  local at, done = ffi.cast("uint8_t *", buffer), 0
  for _, r in ipairs(list) do done = done + rows.write(l, at + done, r, r[1]) end
  return buffer, size
end

function support.read_all(schema, at, size)
  local l, list, done = layout.of(schema), {}, 0
  while done < size do
    local row = ffi.cast(l.pointer, at + done)
    local values = plain(rows.read(l, at + done))
    if row.kind ~= 0 then values[1] = row.kind end
    list[#list + 1] = values
    done = done + row.size_bytes
  end
  return list
end

local Runner = {}
Runner.__index = Runner

---Runs a chain over rows. options: full, full_bytes, capacity (bytes), on_fail(node, code, message) -> rc, among
function support.runner(nodes, options)
  options = options or {}
  local r = setmetatable({ nodes = nodes, graph = nodes.graph, failures = {}, blobs = {},
    options = options, anchors = {} }, Runner)
  r.capacity = options.capacity or 1024
  r.out_buffer = ffi.new("uint64_t[?]", r.capacity / 8 + 8)
  r.counts = ffi.new("uint64_t[?]", 4 * #nodes)
  r.ctx_struct = ffi.new("struct tm_chain_ctx")
  r.ctx = ffi.cast("struct tm_chain_ctx *", r.ctx_struct)
  r.ctx.out = ffi.cast("uint8_t *", r.out_buffer)
  r.ctx.out_capacity = r.capacity
  r.ctx.out_full = options.full or 1024
  r.ctx.out_full_bytes = options.full_bytes or 64 * 1024
  r.ctx.counts = r.counts
  give_slots(r)
  codegen.set_c {
    tm_chain_grow = function(ctx, more)
      if options.grow then
        local rc = options.grow(ctx, more)
        if rc then return rc end
      end
      local need = tonumber(ctx.out_size) + tonumber(more)
      if need > r.capacity then
        local capacity = math.ceil(need * 2 / 8) * 8
        local bigger = ffi.new("uint64_t[?]", capacity / 8 + 8)
        ffi.copy(bigger, ctx.out, ctx.out_size)
        r.anchors[#r.anchors + 1] = r.out_buffer
        r.out_buffer, r.capacity = bigger, capacity
        ctx.out, ctx.out_capacity = ffi.cast("uint8_t *", bigger), capacity
      end
      return 0
    end,
    tm_chain_grow_side = function(ctx, side, more)
      local at = ctx.sides[side]
      local capacity = math.ceil((tonumber(at.out_size) + tonumber(more)) * 2 / 8) * 8
      local bigger = ffi.new("uint64_t[?]", capacity / 8 + 8)
      ffi.copy(bigger, at.out, at.out_size)
      r.anchors[#r.anchors + 1] = bigger
      at.out, at.out_capacity = ffi.cast("uint8_t *", bigger), capacity
      return 0
    end,
    -- What accumulators refer to: buffers by number.
    tm_chain_blob = function(_, _, _, ref) return ffi.cast("uint8_t *", r.blobs[ffi.cast("int32_t *", ref)[0]]) end,
    tm_chain_keep = function(_, _, ref, p, length)
      local at = ffi.cast("int32_t *", ref)
      if at[0] == 0 then
        r.blobs[#r.blobs + 1] = ffi.new("uint64_t[512]")
        at[0] = #r.blobs
      end
      ffi.copy(r.blobs[at[0]], p, length)
      at[1] = length
      return 0
    end,
    -- Of a process: what calls did with timers, and whether the journal was kept.
    tm_chain_timer = function(ctx, _, domain, remove, at, name, length)
      local timers = r.timers
      if timers then timers[#timers + 1] = { domain = domain, remove = remove, at = at, name = ffi.string(name, length) } end
      ctx.journal = ctx.journal + 1
      return 0
    end,
    tm_chain_settle = function(ctx, keep)
      if r.timers then r.settled[#r.settled + 1] = keep end
      ctx.journal = 0
      return 0
    end,
    tm_chain_fail = function(_, node, row, row_of, code, message)
      local values
      if row ~= nil and not (options.among and options.among.role) then
        values = plain(rows.read(layout.of(nodes[row_of + 1].input), row))
      end
      r.failures[#r.failures + 1] = { node = node, code = code, message = message, row = values }
      return options.on_fail and options.on_fail(node, code, message) or 0
    end,
  }
  support.collections(r)
  local sides = nodes[#nodes].codegen.sides or {}
  r.sides = ffi.new("struct tm_chain_side[?]", #sides + 1)
  r.ctx.sides = r.sides
  for i = 1, #sides do
    local buffer = ffi.new("uint64_t[?]", r.capacity / 8 + 8)
    r.anchors[#r.anchors + 1] = buffer
    r.sides[i - 1].out, r.sides[i - 1].out_capacity = ffi.cast("uint8_t *", buffer), r.capacity
  end
  r.instance = codegen.instance(nodes, r.ctx, options.among)
  return r
end

---The slot of a metric in operator k.
function Runner:slot(name, k)
  for i, m in ipairs(support.session.metrics) do if m.name == name then return self.metric_slots[k][i - 1] end end
end

function Runner:schema() return self.nodes[#self.nodes].schema end

---Takes the output so far.
function Runner:take()
  local list = support.read_all(self:schema(), self.ctx.out, tonumber(self.ctx.out_size))
  assert(#list == self.ctx.out_rows, ("%d rows in the output, %d counted"):format(#list, self.ctx.out_rows))
  self.ctx.out_size, self.ctx.out_rows = 0, 0
  return list
end

---Takes the rows of a side output so far.
function Runner:take_side(i)
  local at = self.sides[i - 1]
  local list = support.read_all(self.nodes[#self.nodes].codegen.sides[i].schema, at.out, tonumber(at.out_size))
  assert(#list == at.out_rows, ("%d rows in side output %d, %d counted"):format(#list, i, at.out_rows))
  at.out_size, at.out_rows = 0, 0
  return list
end

---Points the context at rows.
function Runner:give(buffer, size)
  self.input = buffer
  self.ctx["in"] = ffi.cast("uint8_t *", buffer)
  self.ctx.in_end = ffi.cast("uint8_t *", buffer) + size
  local count, row = 0, self.ctx["in"]
  while row ~= self.ctx.in_end do count, row = count + 1, row + ffi.cast("int32_t *", row)[0] end
  self.ctx.in_rows = count
end

---Rows with, for each, the accumulated row of its key or false.
function Runner:reduce(list, accumulated)
  local schema = self.nodes[1].schema
  local slots = ffi.new("uint8_t *[?]", #list + 1)
  local kept = {}
  for i in ipairs(list) do
    if accumulated[i] then
      kept[i] = support.buffer(schema, { accumulated[i] })
      slots[i - 1] = ffi.cast("uint8_t *", kept[i])
    end
  end
  self.slots, self.kept = slots, kept
  self.ctx.slots, self.ctx.slot_index = slots, 0
  return self:batch(list)
end

---Enters Lua as C does (core/vm/chain.c): through a C function, so that traces may end where they return to it; an error of a row
---that leaves the chunk is accounted for, and the rows behind it go on.
function support.enter(fn, instance)
  local result
  local function enter() result = fn(instance) end
  while true do
    local ok, err = pcall(string.gsub, "x", "x", enter)
    if ok then return result end
    local at = instance.ctx.under_way
    if at == 0 then error(err, 0) end
    instance.ctx.under_way = 0
    local rc = instance:recover(err, at)
    if rc ~= 0 then return rc end
  end
end

---Applies the instance's proposal to the graph.
function Runner:settle()
  return codegen.settle(self.graph, self.instance.proposal)
end

---Runs over these rows as one batch, settling types; gives all output rows and the last return code.
function Runner:batch(list)
  local buffer, size = support.buffer(self.nodes[1].input, list)
  self:give(buffer, size)
  local all = {}
  while true do
    local rc = support.enter(self.instance.run, self.instance)
    if rc == 2 and self.graph then
      self:settle()
      rc = 1
    end
    if rc ~= 2 and not unknown.in_schema(self:schema()) then
      for _, row in ipairs(self:take()) do all[#all + 1] = row end
    end
    if rc ~= 1 then return all, rc end
  end
end

function Runner:counted()
  local list = {}
  for i = 1, #self.nodes do
    local at = 4 * (i - 1)
    list[i] = { tonumber(self.counts[at]), tonumber(self.counts[at + 1]), tonumber(self.counts[at + 2]),
      tonumber(self.counts[at + 3]) }
  end
  return list
end

return support
