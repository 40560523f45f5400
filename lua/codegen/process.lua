-- Generates the chunks of a process: one over the records of a batch, one over timers that are due, which come as rows too: the
-- key's columns, time, name and domain (process_derive.lua). slots[i] is the record of row i's key (keyed.lua). What a call of the
-- user's function has emitted, written and registered stands when it has returned; when it has failed, its error has left the
-- chunk (README.md, "Loops in user functions"), and `undo` takes it back. The loop is recorded while it idles, so that also runs
-- of a few timers find it compiled. ctx is an object without contents, as records are.
--
-- ctx.interrupt ends a run of timers: a call has changed those that follow.
local cells = require "codegen.cells"
local chunk = require "codegen.chunk"
local columns = require "codegen.columns"
local derived = require "codegen.process_derive"
local emit = require "codegen.emit"
local keyed = require "codegen.keyed"
local layout = require "ffi.layout"
local loops = require "codegen.loops"
local outside = require "codegen.outside"
local sides = require "codegen.sides"
local stages = require "codegen.stages"
local writer = require "codegen.writer"

local process = {}

local quote = writer.quote
local TIME = "$time"

process.ROLES = { "each", "left", "right", "rule", "pass", "timer" }

---What stands for one of the functions of a node in a chunk.
---@param role string "timer", "pass", or that of an input's rows
function process.nodes(node, role)
  local c = node.codegen
  local timer = role == "timer"
  local all = {}
  for _, list in ipairs { node.states, node.broadcast or {}, node.operator or {}, node.window_states or {} } do
    for _, state in ipairs(list) do all[#all + 1] = state end
  end
  local codegen = { findings = {}, texts = c.texts, numbers = c.numbers, slices = {}, shapes = {}, result = c.result, sides = c.sides,
    analysis = c.analysis,
    modes = c.modes[role] or {} }
  -- The key's fields have the names of the first input's, also where the second's columns are called otherwise.
  return { { id = node.id, kind = "process", role = role, verb = "process", name = node.name, where = node.where,
    on_error = node.on_error, input = timer and c.timer_schema or c.roles[role].input, schema = node.schema, fn = node[role],
    key = node.key, key_columns = role == "right" and node.second_key or node.key, states = all, keyed = node.states,
    broadcast = node.broadcast or {}, operator = node.operator or {}, window_states = node.window_states or {},
    clear = node.clear, rules = node.rule ~= nil,
    metrics = node.metrics, strict = node.strict, has_timer = node.timer ~= nil, of_window = node.of_window,
    record = derived.record(node), codegen = codegen,
    given = c.roles[role].analysis } }
end

---What stands for a function of a window's trigger in a chunk: a process that emits nothing and says what the window does.
---@param role string "on_element", "on_event_time", ...
function process.trigger_nodes(node, role)
  local of, asked = node.codegen.trigger[role], node.asked
  local codegen = { findings = {}, texts = {}, slices = {}, shapes = {}, result = { proven = true }, sides = {}, analysis = of.analysis,
    modes = {} }
  return { { id = node.id, kind = "process", role = role, verb = "trigger", trigger = true, name = node.name, where = node.where,
    on_error = node.on_error, input = of.input, schema = of.input, fn = of.fn, key = {}, key_columns = {}, states = asked.states,
    keyed = asked.states, broadcast = {}, operator = {}, window_states = {}, rules = false, metrics = asked.metrics, strict = node.strict,
    has_timer = true, record = of.record, codegen = codegen, given = of.analysis } }
end

-- --- plan
-- -------------------------------------------------------------------------------------------------------------------

local function plan(nodes, wide)
  local node = nodes[1]
  local timer, rule, pass = node.role == "timer", node.role == "rule", node.role == "pass"
  -- What a trigger says must be known before its call counts as done, so its errors do not leave the chunk.
  local open = not node.trigger
  local g = { nodes = nodes, node = node, timer = timer, rule = rule, pass = pass, masks = {}, flat = true, open = open, undo = open,
    interrupted = timer or rule, takes_out = true, input = layout.of(node.input), names = columns.names(wide),
    record = keyed.layout(node.keyed, 0) }
  g.outside = outside.plan(node, node.role)
  g.steady = open and not pass and not loops.in_functions(node.given)
  g.known = not node.trigger and not node.of_window and g.record.maps or nil
  g.output = layout.of(node.schema)
  g.views = chunk.has_views(nodes)
  g.during = true
  if rule then g.record.always_copied = false end -- its rows have no key
  g.fixed_rows = not g.output.has_references
  g.journals = node.has_timer -- C keeps a journal of what calls do beyond the record
  local records = { g.record }
  for _, s in ipairs(g.outside) do records[#records + 1] = s.record end
  for _, record in ipairs(records) do
    for _, s in ipairs(record.states) do
      if s.collection then g.collections, g.views = true, g.views or layout.is_view(s.state.type) end
      for _, cell in ipairs(s.cells) do
        g.views = g.views or cell.view
        g.journals = g.journals or cell.reference
      end
      g.journals = g.journals or s.collection ~= nil
    end
  end
  local env = columns.of_input(node.input, "in", "cur.row")
  local r = node.codegen.result
  local stage = { k = 1, node = node, verb = "flat_map", uncounted = true, env = env, vars = {}, assigned = {},
    forms = { record = (r.record or r.unknown) and not timer and not pass and not node.input.bare and node.of_window ~= "rows",
      table = r.table or r.unknown, text = (r.text or r.unknown) and node.schema.by_name.line ~= nil } }
  g.stages, g.homes = { stage }, {}
  local time = node.input.time_field and node.input.fields[node.input.time_field].name
  g.time = time and env[time]
  for i, f in ipairs(node.schema.fields) do
    if f.name == TIME then
      -- Rows of an input without event time give rows without one.
      g.no_time = not g.time and columns.variable(1, TIME, i, f.type) or nil
      g.homes[TIME] = g.time or g.no_time
    else
      local home = columns.variable(1, f.name, i, f.type)
      g.homes[f.name] = home
      stage.vars[#stage.vars + 1] = { field = f, home = home }
    end
  end
  local forms = (stage.forms.record and 2 or 0) + (stage.forms.table and 1 or 0) + (stage.forms.text and 1 or 0)
  if not wide and forms == 1 then -- columns go from the row that is given to the one that is written without a stop
    stage.parameters = {}
    for i, c in ipairs(stage.vars) do stage.parameters[i] = c.home.var end
  end
  g.emission = { names = g.names, masks = g.masks, from = "cur.row", input = g.input, output = node.schema, homes = g.homes,
    parameters = stage.parameters or {}, flat = true, node = 0,
    plain = not node.input.changelog and not node.schema.changelog,
    count = not g.fixed_rows and "tally.rows = tally.rows + 1" or nil,
    to = { cursor = "cur.out", pointer = "out_pointer", limit = "bounds.limit", grow = "grow_row(", too_large = "raise_side_large(0, " } }
  g.passing = { [TIME] = g.homes[TIME] } -- side outputs find their time where the rows have it
  sides.plan(g)
  for _, side in ipairs(g.sides) do
    local form = side.node.codegen.result
    side.forms.record = (form.record or form.unknown) and not timer and not pass and not node.input.bare and node.of_window ~= "rows"
  end
  return g, stage
end

local function mark(g, stage)
  local function test(home) if home and home.kind == "in" then columns.test_null(g.masks, home.field) end end
  for _, home in pairs(stage.env) do test(home) end
  emit.mark(g.emission)
  sides.mark(g)
end

-- --- text
-- -------------------------------------------------------------------------------------------------------------------

-- A short record, word by word: behind a call of `copy` the trace compiler reads all from memory again. As pointers, since it knows
-- that what it stores to a pointer it does not read as a number.
local function write_copy(w, g, from)
  w:line("local words = cast(pointers, %s)", from)
  w:line("backup_1.a, backup_1.b = words[0], words[1]")
  if g.record.copied == 24 then w:line("backup_2.a = words[2]")
  elseif g.record.copied == 32 then w:line("backup_2.a, backup_2.b = words[2], words[3]") end
end

local function write_take_back(w, g)
  if g.record.always_copied then
    w:line("copy(kept.acc, backup_1, 16)")
    if g.record.copied > 16 then w:line("copy(cast(bytes, kept.acc) + 16, backup_2, %d)", g.record.copied - 16) end
  else
    w:open("if tally.touched ~= 0 then")
    w:line("copy(kept.acc, backup, %d)", g.record.copied)
    w:line("tally.touched = 0")
    w:close()
  end
  outside.write_take_back(w, g)
  if g.rule then w:line("ctx.interrupt = 0 -- passes over all keys that the call has asked for") end
end

local function write_undo(w, g)
  w:line("")
  w:line("-- a call's first write copies the record, or its begin; an error takes back what the call has done")
  if not g.record.always_copied then
    w:open("local function touch()")
    w:line("if tally.active_1 == 0 then raise_idle() end")
    w:line("copy(backup, kept.acc, %d)", g.record.copied)
    w:line("tally.touched = 1")
    w:close()
  end
  w:open("local function undo()")
  write_take_back(w, g)
  w:line("local rc = C.tm_chain_settle(ctx, 0)")
  w:line("if rc ~= 0 then tally.stop = rc end")
  w:line("cur.out = cast(out_pointer, marks.out)")
  if not g.fixed_rows then w:line("tally.rows = tally.rows_mark") end
  for i in ipairs(g.sides) do
    w:line("side_%d.out = cast(%s, tally.side_mark_%d)", i, g.names:ref("side_pointer_" .. i), i)
    w:line("tally.side_rows_%d = tally.side_rows_mark_%d", i, i)
  end
  w:close()
  if not g.journals then return end
  w:open("local function keep()")
  w:line("local rc = C.tm_chain_settle(ctx, 1)")
  w:line("if rc ~= 0 then tally.stop = rc end")
  w:close()
end

local function getter(w, g, home)
  if not home then return nil end
  columns.write_getter(w, g.names, home, g.masks)
  return g.names:ref(home.getter)
end

-- ctx.key: the value of one column, or a record of several.
local function write_key(w, g, env)
  local names, from = g.node.key, g.node.key_columns
  if #names == 0 then return end -- over the whole stream
  if #names == 1 then
    g.key = getter(w, g, env[from[1]])
    return
  end
  local getters = {}
  for i, name in ipairs(from) do getters[i] = getter(w, g, env[name]) end
  w:open("local function key_index(_, k)")
  for i, name in ipairs(names) do w:line("if k == %s then return (%s()) end", quote(name), getters[i]) end
  w:line("return no_key_field(_, k)")
  w:close()
  w:line("local key_record = R.key_record(key_index)")
  g.key_record = true
end

local function write_guard(w, name, needs_call)
  w:line("if not rawequal(self, context) then misused_context(%s) end", quote(name))
  if needs_call then w:line("if tally.active_1 == 0 then raise_idle() end") end
end

local function write_emits(w, g, stage)
  sides.write(w, g, stage)
  w:open("local function context_emit(self, x)")
  write_guard(w, "emit", true)
  if g.gone then w:line("if %s() then no_emit() end", g.gone) end
  stages.deliver(w, g, stage, "x", "raise_value(0, %s, %s)", "raise_row(0, x)", "raise_key(0, k)")
  w:close()
  w:open("local function context_output(self, x, y)")
  write_guard(w, "output", true)
  sides.write_dispatch(w, g, stage)
  w:line("raise_tag(0, x)")
  w:close()
end

-- enum tm_timer_domain of core/state/timers.h
local TIMERS = { { "timer", 0, 0 }, { "timer_processing", 1, 0 }, { "delete_timer", 0, 1 }, { "delete_timer_processing", 1, 1 } }

local function write_timers(w, g)
  g.timers = (g.rule or g.pass or g.node.of_window or not (g.node.key[1] or g.node.trigger)) and {} or TIMERS
  for _, t in ipairs(g.timers) do
    w:open("local function context_%s(self, at, name)", t[1])
    write_guard(w, t[1], true)
    if not g.node.has_timer then w:line("no_timer(%s)", quote(t[1])) end
    w:line('if type(at) ~= "number" or floor(at) ~= at or at > 9007199254740992 or at < -9007199254740992 then bad_time(%s, at) end',
      quote(t[1]))
    w:line('if name == nil then name = "" elseif type(name) ~= "string" then bad_timer_name(%s, name) end', quote(t[1]))
    w:line("local rc = C.tm_chain_timer(ctx, kept.slot, %d, %d, at, name, #name)", t[2], t[3])
    w:line("if rc ~= 0 then timer_failed(rc, name) end")
    w:close()
  end
end

-- ctx.state: the states of the key, behind them those of the operator.
local function write_states(w, g)
  local operator = g.node.operator[1] ~= nil
  if g.rule or (operator and not g.record.states[1]) then
    if operator then w:line("local states = operator") end
    return
  end
  g.record.otherwise = operator and "operator[k]" or nil
  keyed.write(w, g, g.record)
end

-- ctx:each_key: the functions go over all keys when the call has returned (core/operator/process_passes.c).
local function write_each_key(w, g)
  w:open("local function context_each_key(self, name, fn)")
  write_guard(w, "each_key", true)
  w:line("ctx.interrupt = want_pass(ctx.interrupt, name, fn)")
  w:line("local at = %s", g.event_time and g.event_time .. "()" or "nil")
  w:line("ctx.pass_time = at == nil and 0 / 0 or at")
  w:close()
end

-- What a key is called with in a pass: nothing where it does not have the state.
local function write_pass(w, g)
  local parts = {}
  for _, s in ipairs(g.record.states) do
    g.names:func(w, "key_has_" .. s.number)
    keyed.write_has(w, s)
    w:close()
    parts[#parts + 1] = ("{ %s, %s }"):format(g.names:ref("key_has_" .. s.number), g.names:ref("state_" .. s.number))
  end
  g.names:declare(w, "fn_1", ("pass_of({ %s })"):format(table.concat(parts, ", ")))
end

local function key_text(g) return g.key and "(" .. g.key .. "())" or g.key_record and "key_record" or "nil" end

-- Under test each call has a ctx of its own, and that of an earlier one is told.
local function write_context_index(w, g)
  if g.node.strict then w:line("local stale_context, renew_object = R.stale_context, R.renew_object") end
  w:open("local function context_index(_, k)")
  if g.node.strict then w:line("if not rawequal(_, context) then stale_context() end") end
end

local function write_context(w, g)
  write_context_index(w, g)
  if g.rule then
    w:line('if k == "each_key" then return context_each_key end')
  else
    if g.key or g.key_record then w:line('if k == "key" then return %s end', key_text(g)) end
  end
  if not g.rule or g.node.operator[1] then w:line('if k == "state" then return states end') end
  if g.node.rules then w:line('if k == "broadcast" then return broadcast end') end
  if g.node.window_states[1] then w:line('if k == "window_state" then return window_state end') end
  w:line('if k == "time" then return %s end', g.call_time and "(" .. g.call_time .. "())" or "nil")
  w:line('if k == "emit" then return context_emit end')
  w:line('if k == "output" then return context_output end')
  for _, t in ipairs(g.timers) do w:line("if k == %s then return context_%s end", quote(t[1]), t[1]) end
  for _, name in ipairs { "window_start", "window_end" } do
    if g.bounds[name] then w:line("if k == %s then return (%s()) end", quote(name), g.bounds[name]) end
  end
  w:line('if k == "watermark" then return ctx.watermark end')
  w:line('if k == "now" then return tonumber(ctx.now_ms) end')
  w:line('if k == "subtask" then return subtask end')
  if not g.rule and not g.node.of_window then
    w:line('if k == "domain" then return %s end', g.domain and "(" .. g.domain .. "())" or "nil")
  end
  w:line('if k == "metrics" then return metrics end')
  w:line("return no_member(_, k)")
  w:close()
  w:line("define(context, context_index)")
end

-- ctx of a trigger.
local function write_trigger_context(w, g)
  write_context_index(w, g)
  for _, name in ipairs { "window_start", "window_end", "watermark" } do w:line("if k == %s then return ctx.%s end", quote(name), name) end
  w:line('if k == "state" then return states end')
  w:line('if k == "time" then return %s end', g.call_time and "(" .. g.call_time .. "())" or "nil")
  for _, t in ipairs(TIMERS) do w:line("if k == %s then return context_%s end", quote(t[1]), t[1]) end
  w:line('if k == "now" then return tonumber(ctx.now_ms) end')
  w:line('if k == "subtask" then return subtask end')
  w:line('if k == "metrics" then return metrics end')
  w:line("return no_member(_, k)")
  w:close()
  w:line("define(context, context_index)")
  w:line("local verdicts, no_verdict = R.verdicts, R.no_verdict")
end

-- The last access of a state with a time to live in event time.
local function write_call_time(w, g)
  w:open("local function call_time()")
  if g.event_time then
    w:line("local at = %s()", g.event_time)
    w:line("if at ~= nil then return at end")
  end
  w:line("local at = ctx.watermark")
  w:line("if at < -9007199254740992 then return -9007199254740992 end")
  w:line("return at")
  w:close()
end

local function write_step(w, g, arguments)
  g.names:func(w, "step_1")
  w:line("local slot = kept.slot")
  w:line("local acc = slot[0]")
  if g.record.always_copied then write_copy(w, g, "acc") end
  if g.fixed_rows then w:line("marks.out = cast(bytes, cur.out)")
  else w:line("marks.out, tally.rows_mark = cast(bytes, cur.out), tally.rows") end
  for i in ipairs(g.sides) do
    w:line("tally.side_mark_%d, tally.side_rows_mark_%d = cast(bytes, side_%d.out), tally.side_rows_%d", i, i, i, i)
  end
  if g.journals then w:line("ctx.call = ctx.call + 1") end
  if g.known then w:line("near.at = near.at + %d", g.known) end
  -- Last, so that the function's first look at the record finds what was written, and not memory.
  w:line("kept.acc = cast(record_pointer, acc)")
  w:line("kept.slot = slot + 1 -- from here on the call is under way")
  outside.write_borrow_row(w, g)
  if g.node.strict then w:line("context = renew_object(context)") end
  if g.gone then
    w:open("if %s() then", g.gone)
    if g.node.clear then w:line("%s(context)", g.names:ref("fn_clear")) end
    w:middle("else")
    w:line("%s(context%s)", g.names:ref("fn_1"), arguments)
    w:close()
  elseif g.open then
    w:line("%s(context%s)", g.names:ref("fn_1"), arguments)
  else
    w:line("local ok, x = pcall(%s, context%s)", g.names:ref("fn_1"), arguments)
  end
  if g.node.trigger then
    w:open("if ok and x ~= nil then")
    w:line("local verdict = verdicts[x]")
    w:line("if verdict then ctx.verdict = verdict else ok, x = false, no_verdict(x) end")
    w:close()
  end
  if not g.open then
    w:open("if not ok then")
    w:line("undo()")
    w:line("if tally.stop ~= 0 then return end")
    w:line("return fail(0, x)")
    w:close()
  end
  if not g.record.always_copied then w:line("tally.touched = 0") end
  outside.write_kept(w, g)
  if g.journals then w:line("if ctx.journal ~= 0 then keep() end") end
  if g.journals or not g.open then w:line("if tally.stop ~= 0 then return end") end
  w:line("return true")
  w:close()
end

-- What holds from the first row of a run to its last, as between rows nothing of the user's runs: ctx can be used, and an error that
-- leaves the chunk is that of the row under way. `begun` tells whether there is one: memory can run out between rows.
local function write_during(w, g, value)
  if g.open then w:line("ctx.under_way = %d", value) end
  w:line("tally.active_1 = %d", value)
  outside.write_active(w, g, value)
end

local function write_settle(w, g)
  w:line("")
  chunk.open_settle(w, g)
  write_during(w, g, 0)
  if g.pass then w:line("take_rule()") end
  w:line("kept.acc = none")
  w:line("ctx.slot_index = ctx.slot_index + done")
  w:line("local counts, rows = ctx.counts, done - tally.failed_1")
  w:line("tally.failed_1 = 0")
  w:line("counts[0], counts[3] = counts[0] + done, counts[3] + rows -- in, used")
  if g.fixed_rows then w:line("ctx.out_rows = ctx.out_size / %d", g.output.fixed_bytes)
  else w:line("ctx.out_rows = tally.rows") end
  sides.write_end(w, g)
  w:close()
  w:open("local function begun()")
  w:line("return tonumber(kept.slot - (ctx.slots + ctx.slot_index))")
  w:close()
end

local function variables(g, stage)
  local list = {}
  for _, c in ipairs(stage.parameters and {} or stage.vars) do list[#list + 1] = { home = c.home } end
  if g.no_time then list[#list + 1] = { home = g.no_time } end
  sides.variables(g, list)
  return list
end

local function write_keys(w, g, stage)
  if g.node.codegen.result.proven then return end
  local parts = {}
  for _, c in ipairs(stage.vars) do parts[#parts + 1] = ("[%s] = true"):format(quote(c.field.name)) end
  g.names:declare(w, "row_keys_1", "{ " .. table.concat(parts, ", ") .. " }")
end

local function generate(nodes, wide)
  local g, stage = plan(nodes, wide)
  mark(g, stage)
  local w = writer.new()
  chunk.write_head(w, g, nodes)
  w:line("local C, backup, record_pointer, none_bytes = R.C, R.backup, R.record_pointer, R.none_bytes")
  if g.record.always_copied then w:line("local pointers, backup_1, backup_2 = R.pointers, R.backup_1, R.backup_2") end
  w:line("local new_object, define, subtask, metrics = R.new_object, R.define, R.subtask, R.metrics")
  w:line("local grow_row, raise_side_large, raise_key = R.grow_row, R.raise_side_large, R.raise_key")
  w:line("local raise_idle, stop_by = R.raise_idle, R.stop_by")
  w:line("local no_state, no_method, no_member, no_key_field, misused = R.no_state, R.no_method, R.no_member, R.no_key_field, R.misused")
  w:line("local misused_context, bad_time, bad_timer_name, timer_failed = R.misused_context, R.bad_time, R.bad_timer_name, R.timer_failed")
  w:line("local no_timer, raise_too_long = R.no_timer, R.raise_too_long")
  w:line("local raise_state, raise_nothing, no_accumulator_field = R.raise_state, R.raise_nothing, R.no_accumulator_field")
  outside.write_names(w, g)
  if g.node.rules then w:line("local want_pass, pass_of, lend_rule, take_rule = R.want_pass, R.pass_of, R.lend_rule, R.take_rule") end
  if g.collections then
    w:line("local key_cell, value_cell, key_bytes, value_bytes = R.key_cell, R.value_cell, R.key_bytes, R.value_bytes")
    if g.known then w:line("local near = R.near -- behind what is known of entries of maps of the row's key") end
    w:line("local doubles, int64s, decimals, copy_found = R.doubles, R.int64s, R.decimals, R.copy_found")
    w:line("local raise_map_key, raise_entry, put_failed, walk_failed = R.raise_map_key, R.raise_entry, R.put_failed, R.walk_failed")
    w:line("local check_list, bad_list, list_length, too_many = R.check_list, R.bad_list, R.list_length, R.too_many")
  end
  chunk.write_variables(w, g, variables(g, stage))
  if g.no_time then cells.put(w, g.names, g.no_time, "nil") end
  w:line("")
  w:line("-- the row that is emitted")
  emit.write(w, g.emission)
  sides.write_emissions(w, g)
  write_undo(w, g)
  write_keys(w, g, stage)
  for _, c in ipairs(stage.vars) do -- what an emitted record takes from the input
    local input = stage.env[c.field.name]
    if stage.forms.record and input then columns.write_getter(w, g.names, input, g.masks) end
  end
  g.event_time = getter(w, g, g.time)
  g.gone = getter(w, g, g.node.of_window and stage.env[derived.GONE])
  if g.gone then w:line("local no_emit = R.no_emit") end
  if g.node.clear then g.names:declare(w, "fn_clear", "R.clear") end
  g.call_time = g.timer and getter(w, g, stage.env["$at"]) or g.event_time
  g.domain = g.timer and getter(w, g, stage.env["$domain"]) or nil
  g.bounds = { window_start = g.node.of_window and getter(w, g, stage.env.window_start),
    window_end = g.node.of_window and getter(w, g, stage.env.window_end) }
  if not g.rule then write_key(w, g, stage.env) end
  write_call_time(w, g)
  outside.write(w, g)
  write_states(w, g)
  w:line("")
  w:line("-- ctx")
  w:line("local context = new_object('ctx')")
  local arguments
  if g.pass then
    arguments = ""
  elseif g.node.trigger and not g.node.record then
    g.call_time = g.node.role ~= "on_clear" and getter(w, g, stage.env.at) or nil
    arguments = g.call_time and (", %s()"):format(g.call_time) or ""
  elseif g.timer then
    arguments = (", %s(), %s()"):format(g.call_time, getter(w, g, stage.env["$name"]))
  elseif g.node.of_window == "rows" then
    arguments = (", %s, %s()"):format(key_text(g), getter(w, g, stage.env[derived.ROWS]))
  elseif g.node.input.bare then
    arguments = (", %s()"):format(columns.getter(w, g.names, stage.env.line, g.masks, "1", g.node.codegen.modes.line))
  else
    local a = g.node.given
    arguments = ", " .. stages.write_record(w, g, stage, "1", a.known and a.reads[g.node.record] or true, g.node.codegen.modes)
    if g.node.of_window then arguments = ", " .. key_text(g) .. arguments end
  end
  if not g.node.trigger then write_emits(w, g, stage) end
  write_timers(w, g)
  if g.rule then write_each_key(w, g) end
  if g.node.trigger then write_trigger_context(w, g) else write_context(w, g) end
  if g.pass then write_pass(w, g) end
  w:line("")
  w:line("-- 1: %s", g.node.name)
  write_step(w, g, arguments)
  chunk.write_loops(w, g, g.names:ref("step_1") .. "()")
  write_settle(w, g)
  chunk.write_run(w, g, function()
    w:line("kept.slot = ctx.slots + ctx.slot_index")
    if g.known then w:line("near.at = ctx.known + ctx.slot_index * %d", g.known) end
    if g.outside[1] then w:line(outside.borrow(g)) end
    if g.pass then w:line("lend_rule()") end
    write_during(w, g, 1)
  end)
  chunk.write_result(w, g)
  return w:text(), g
end

---@param nodes table[] process.nodes
---@return string text, table plan
function process.generate(nodes)
  return chunk.narrow_or_wide(function(wide) return generate(nodes, wide) end)
end

return process
