-- What the chunks of a process find in their parameter beside what all chunks do (runtime.lua): the record's memory, objects
-- that user code holds (ctx, ctx.state, a state, an accumulator, a key of several fields), and the cold paths.
local ffi = require "ffi.init"
local codes = require "tidemill.codes"
local collections = require "codegen.collections"
local fault = require "tidemill.fault"
local failures = require "codegen.failures"
local freeze = require "tidemill.freeze"
local keyed = require "codegen.keyed"
local layout = require "ffi.layout"
local list_of = require "codegen.list"
local metrics_of_job = require "tidemill.metrics"
local outside = require "codegen.outside"
local problem = require "codegen.problem"
local derived = require "codegen.process_derive"
local records = require "codegen.records"
local rows = require "codegen.rows"
local states = require "tidemill.states"
local suggest = require "tidemill.suggest"
local views = require "codegen.views"

local process = {}

local ROW_BYTES_MAX = 64 * 1024 * 1024ULL -- core/base/limits.h
local KEY_MAX, VALUE_MAX = 1024 * 1024, 64 * 1024 * 1024 -- core/base/limits.h
local NAME_MAX = 1024 -- TM_TIMER_NAME_BYTES of core/state/timers.h
local NO_NIL = "a list holds no nil: where there is no value, do not add one"

-- A value of a type of its own, without contents: nothing of the engine can be reached through it, and its members are found by
-- functions that see it as a constant.
local names = setmetatable({}, { __mode = "k" })

local function new_object(name)
  local ctype = ffi.typeof(layout.declare("tm_object", "{}"))
  local object = ctype()
  names[object] = { name = name, ctype = ctype }
  return object
end

---Another one of its type, with its members: under test each call has a ctx of its own.
local function renew_object(object)
  local known = names[object]
  local new = known.ctype()
  names[new] = known
  return new
end

---@param walked boolean? it is a map or list
---@param is_list boolean?
local function refuse_write(name, walked, is_list)
  local hint = is_list and ("%s:add(value) adds one, %s:update(list) replaces all"):format(name, name)
    or walked and name .. ":put(key, value)"
  return function(_, key)
    problem.raise("USER_CODE", ("%s is read-only: cannot set %s"):format(name, problem.show(key)),
      hint or name == "ctx.state" and type(key) == "string" and ("ctx.state.%s:set(value)"):format(key) or nil)
  end
end

---@param length? fun(object: any): integer of a map or list
---@param walk? fun(object: any): any what pairs gives of it, and ipairs of a list
local function define(object, index, assign, length, walk, is_list)
  local name = names[object].name
  ffi.metatype(names[object].ctype, {
    __index = index,
    __newindex = assign or refuse_write(name, walk ~= nil, is_list),
    __tostring = function() return name end,
    __len = length,
  })
  if walk then records.set_walk(names[object].ctype, walk, is_list) end
end

-- What belongs to the key of the row under way, for messages: 'state "n" of key "u1"'.
local function of_key(what, nodes, cur)
  local node = nodes[1]
  if node.role == "rule" or not node.key[1] then return what .. " of the operator" end
  local values, parts = rows.read(layout.of(node.input), cur.row), {}
  for i, name in ipairs(node.key) do
    parts[i] = (#node.key > 1 and name .. " = " or "") .. problem.show(values[node.key_columns[i]])
  end
  if not parts[1] then return what .. " of a window" end
  return ("%s of key %s"):format(what, #parts > 1 and "{ " .. table.concat(parts, ", ") .. " }" or parts[1])
end

local function metrics_of(node)
  local members = {}
  for _, metric in ipairs(node.metrics) do members[metric.name] = metric.object end
  return freeze.table("ctx.metrics", members, function(name)
    problem.raise("UNKNOWN_NAME", ("there is no metric %s"):format(problem.show(name)), suggest.hint(tostring(name), suggest.keys(members)))
  end)
end

-- What a state is a member of in ctx, by its scope.
local IN = { broadcast = "broadcast", window = "window_state" }

local function misuses(R, node)
  function R.read_only()
    problem.raise("USER_CODE", "broadcast state is changed by rule alone: everything else reads it",
      "every subtask sees other records: copies that they change would differ")
  end
  function R.no_state(_, name) problem.raise("UNKNOWN_NAME", derived.unknown_state(node, name)) end
  function R.no_operator(_, name) problem.raise("UNKNOWN_NAME", derived.unknown_state(node, name)) end
  function R.no_window_state(_, name) problem.raise("UNKNOWN_NAME", states.unknown(name, node.window_states, "window")) end
  function R.no_emit() problem.raise("USER_CODE", unpack(derived.NO_EMIT)) end
  function R.no_broadcast(_, name) problem.raise("UNKNOWN_NAME", states.unknown(name, node.broadcast, "broadcast")) end
  function R.no_method(n, name)
    local methods = keyed.METHODS[node.states[n].kind]
    problem.raise("UNKNOWN_NAME", ("a %s state has no %s; it has %s"):format(node.states[n].kind, problem.show(name),
      table.concat(methods, ", ")), keyed.method_hint(node.states[n], name))
  end
  function R.no_member(_, name)
    problem.raise("UNKNOWN_NAME", derived.no_member(node, node.role, name))
  end
  function R.no_key_field(_, name)
    problem.raise("UNKNOWN_FIELD", ("the key has no field %s; it has %s"):format(problem.show(name), table.concat(node.key, ", ")),
      type(name) == "string" and suggest.hint(name, node.key) or nil)
  end
  function R.no_accumulator_field(n, name)
    local fields = {}
    for i, f in ipairs(node.states[n].custom.schema.fields) do fields[i] = f.name end
    problem.raise("ROW_KEY", ("the accumulator has no field %s; it has %s"):format(problem.show(name), table.concat(fields, ", ")),
      type(name) == "string" and suggest.hint(name, fields) or nil)
  end
  function R.misused(n, method)
    problem.raise("USER_CODE", ("state %q: %s is called without its state"):format(node.states[n].name, method),
      ("with a colon: ctx.%s.%s:%s(...)"):format(IN[node.states[n].scope] or "state", node.states[n].name,
        method))
  end
  function R.too_many(n, method) problem.raise("USER_CODE", keyed.too_many(node.states[n], method)) end
  function R.misused_context(method)
    problem.raise("USER_CODE", derived.without_ctx(method))
  end
  function R.stale_context()
    problem.raise("USER_CODE", ("ctx of %s is used after the call that it was given to"):format(node.name),
      "state, timers and rows belong to the key of the call: use the ctx that the function is given")
  end
  function R.raise_idle()
    problem.raise("USER_CODE", ("ctx of %s is used after its function has returned"):format(node.name),
      "state, timers and rows belong to the key of the call: use ctx while the function runs")
  end
end

-- What helps a column, said of a state.
local function of_state_hint(hint, declared)
  if not hint or not hint:find(":returns", 1, true) then return hint end
  if hint:find("type bytes", 1, true) then return "other bytes go into a state of type bytes: " .. declared end
  return "declare it with more room: " .. declared
end

-- A value of a map or list that does not fit, told as one of a column is.
local function wrong_item(what, name, type_name, value, declared)
  local field = { fields = { { name = name, type = type_name } }, by_name = { [name] = 1 } }
  local code, message, hint = failures.wrong_value({ schema = field, verb = "state" }, name, value)
  hint = of_state_hint(hint, declared)
  problem.raise(code, (message:gsub('^column %b""', function() return what end, 1)), hint)
end

local function entries(R, nodes, cur)
  local node = nodes[1]
  local function of_state(state) return of_key(("state %q"):format(state.name), nodes, cur) end
  local function declared(state)
    return ("%s = tm.%s(...)"):format(state.name, state.kind)
  end
  function R.raise_map_key(n, _, key)
    local state = node.states[n]
    if key == nil then problem.raise("USER_CODE", of_state(state) .. ": the key of the map is nil", "where there is no key, do not ask") end
    wrong_item(("a key of %s"):format(of_state(state)), state.name, state.key, key, declared(state))
  end
  function R.raise_entry(n, key, _, value)
    local state = node.states[n]
    if value == nil then
      if state.kind == "list" then
        problem.raise("USER_CODE", of_state(state) .. ": the value is nil", NO_NIL)
      end
      problem.raise("USER_CODE", ("%s: the value for %s is nil"):format(of_state(state), problem.show(key)),
        ("a map holds no nil: ctx.state.%s:remove(key) takes an entry out"):format(state.name))
    end
    local at = state.kind == "map" and (" at %s"):format(problem.show(key)) or ""
    wrong_item(of_state(state) .. at, state.name, state.type, value, declared(state))
  end
  function R.put_failed(rc, n, key_length, length)
    if rc == codes.LIMIT and key_length > KEY_MAX then
      problem.raise("LIMIT", ("%s: a key of the map takes %.0f bytes; it has at most 1 MB"):format(of_state(node.states[n]), key_length))
    elseif rc == codes.LIMIT and length > VALUE_MAX then
      problem.raise("LIMIT", ("%s: the value takes %.0f bytes; a value has at most 64 MB"):format(of_state(node.states[n]), length))
    end
    R.stop_by(rc)
  end
  function R.walk_failed(rc)
    if rc == codes.NOT_FOUND then
      problem.raise("USER_CODE", "a walk over a map or list goes on after its call has returned, or after 16 others that went on since",
        "for key, value in pairs(ctx.state.name) do ... end, in one call")
    end
    R.stop_by(rc)
  end
  function R.check_list(n, list)
    if views.type_of(list) and views.is_list(list) then return end
    local given = problem.show_typed(list)
    problem.raise("ROW_TYPE", ("%s takes a list of values, given %s"):format(of_state(node.states[n]), given),
      given:find("^ctx%.") and given .. (":get() gives the values of a list state") or ("ctx.state.%s:add(value) adds one"):format(
      node.states[n].name))
  end
  function R.bad_list(n, list)
    local _, why, hint = list_of.measure(list)
    problem.raise("USER_CODE", ("%s takes a list, %s"):format(of_state(node.states[n]), why), hint)
  end
  R.list_length = list_of.length
end

local function timers(R)
  function R.bad_time(method, at)
    local hint = "a time is milliseconds since 1970: ctx.time + 60000"
    if type(at) == "number" and at == at and math.abs(at) < 2 ^ 53 then hint = "math.floor(time) makes it whole"
    elseif at == nil and method:find("processing") then hint = "ctx.now + 60000"
    elseif at == nil then hint = "ctx.time is nil where the row has no event time: ctx:timer_processing(ctx.now + 60000)" end
    problem.raise("USER_CODE", ("ctx:%s takes a time in whole milliseconds, given %s"):format(method, problem.show_typed(at)), hint)
  end
  function R.bad_timer_name(method, name)
    problem.raise("USER_CODE", ("ctx:%s: the name is a text, given %s"):format(method, problem.show_typed(name)),
      ('for example ctx:%s(at, "expire")'):format(method))
  end
  function R.no_timer(method)
    problem.raise("USER_CODE", ("ctx:%s: the operator has no function for timers"):format(method), derived.NO_TIMER)
  end
  function R.timer_failed(rc, name)
    if rc == codes.LIMIT and #name > NAME_MAX then
      problem.raise("LIMIT", ("a timer's name has at most %d bytes, this one %d"):format(NAME_MAX, #name))
    end
    R.stop_by(rc)
  end
end

-- What a rule asks for with each_key, until it has been done: by node and subtask, in the order of the calls.
-- The record of that call stays readable for what runs in a pass: its row is in the batch under way until all passes are over.
local passes_of = {}
local PASSES_MAX = 64

local function passes(R, node, ctx, subtask, cur)
  local id = node.id .. " " .. subtask
  local list = passes_of[id] or {}
  passes_of[id] = list

  function R.want_pass(count, name, fn)
    local state
    for i, s in ipairs(node.keyed) do if s.name == name then state = i end end
    if not state then
      if type(name) ~= "string" then
        problem.raise("USER_CODE", ("ctx:each_key takes the name of a state and a function, given %s"):format(problem.show_typed(name)),
          derived.EACH_KEY)
      end
      problem.raise("UNKNOWN_NAME", states.unknown(name, node.keyed))
    end
    if type(fn) ~= "function" then
      problem.raise("USER_CODE", ("ctx:each_key(%q, fn): fn is called with each key that has the state, given %s"):format(name,
        problem.show_typed(fn)), "function(ctx, key, state) ... end")
    end
    if count >= PASSES_MAX then
      problem.raise("LIMIT", ("one call asks for more than %d passes over all keys"):format(PASSES_MAX), "do more for each key in one pass")
    end
    list[count + 1] = { state = state, fn = fn }
    list.cur, list.row, list.blank = cur, cur.row, R.blank
    return count + 1
  end

  -- A run of a pass begins and ends: in between the rule's record reads its row again. Views of it are no good behind that.
  function R.lend_rule()
    if list.cur then list.cur.row = list.row end
  end
  function R.take_rule()
    if list.cur then list.cur.row = list.blank end
    views.clock.row = views.clock.row + 1
  end

  -- What is called with a key: `members` are, by number of the state, whether the key has it, and the state.
  function R.pass_of(members)
    return function(context)
      local pass = list[ctx.pass + 1]
      local member = members[pass.state]
      if member[1]() then pass.fn(context, context.key, member[2]) end
    end
  end
end

---@param R table of runtime.new
---@param more table { nodes, ctx, C, plan, cur, tally, failures, refresh, subtask }
function process.attach(R, more)
  local nodes, ctx, C, tally, f = more.nodes, more.ctx, more.C, more.tally, more.failures
  local node = nodes[1]
  R.C, R.record_pointer, R.subtask, R.metrics = C, more.record_pointer, more.subtask, metrics_of(node)
  R.backup = ffi.cast("uint8_t *", more.backup)
  R.pointers = ffi.typeof("void **")
  R.backup_1, R.backup_2 = ffi.new("struct { void *a; void *b; }"), ffi.new("struct { void *a; void *b; }")
  R.none_bytes = ffi.cast("const uint8_t *", more.backup)
  R.new_object, R.renew_object, R.define = new_object, renew_object, define
  R.clear = metrics_of_job.bind(ctx, 1, node, node.clear)
  R.defaults, R.state_fns = {}, {}
  -- Of all records: numbers go on from those of the key to those of the subtask and the window.
  for i, state in ipairs(node.states) do R.defaults[i], R.state_fns[i] = state.default, state end

  function R.key_record(index)
    local fields = {}
    for i, name in ipairs(node.key) do fields[i] = { name = name } end
    return records.new({ input = { fields = fields }, verb = "key", codegen = {} }, index,
      function() problem.raise("USER_CODE", "ctx.key is read-only") end)
  end

  -- An error of the machine: leaves the user's function, and the job stops.
  function R.stop_by(rc)
    if rc == codes.LIMIT then
      problem.raise("LIMIT", "one call may make at most 1048576 changes to timers and to state of varying size, of 1 GB, with keys up to "
        .. "1 MB",
        "state that grows with every record belongs into several keys")
    end
    tally.stop = rc
    f.stop()
  end

  ---A value that does not fit its state.
  function R.raise_state(n, name, value)
    local state = node.states[n]
    if not state.custom then name = state.name end
    local field = state.custom and state.custom.schema or { fields = { { name = name, type = state.type } }, by_name = { [name] = 1 } }
    local code, message, hint = failures.wrong_value({ schema = field, verb = "state" }, name, value)
    local what = state.custom and ("field %q of state %q"):format(name, state.name) or ("state %q"):format(state.name)
    hint = of_state_hint(hint, ("%s = tm.%s(...)"):format(state.name, state.kind))
    what = of_key(what, nodes, more.cur)
    problem.raise(code, (message:gsub('^column %b""', function() return what end, 1)), hint)
  end
  function R.raise_too_long(n, length)
    problem.raise("LIMIT", ("%s: the value takes %.0f bytes; a value has at most 64 MB"):format(
      of_key(("state %q"):format(node.states[n].name), nodes, more.cur), length))
  end
  function R.raise_nothing(n)
    problem.raise("USER_CODE", ("state %q: add is given nil"):format(node.states[n].name), "where there is no value, do not add one")
  end

  ---Room for one row of a call; raises where there is none.
  function R.grow_row(_, size)
    if size > ROW_BYTES_MAX then R.raise_side_large(0, 0, size) end
    local base = ctx.out
    ctx.out_size = ffi.cast("uint8_t *", more.cur.out) - ctx.out
    if size > ctx.out_capacity - ctx.out_size then
      local rc = C.tm_chain_grow(ctx, size)
      R.marks.out = ctx.out + (R.marks.out - base)
      if rc == codes.LIMIT then problem.raise("LIMIT", "one call gave more rows than a batch can hold (256 MB)") end
      if rc ~= 0 then R.stop_by(rc) end
    end
    more.refresh()
    return true
  end

  R.verdicts = { continue = 0, fire = 1, purge = 2, fire_and_purge = 3 }
  function R.no_verdict(x)
    return fault.new("USER_CODE", node.where or "", ("%s of the trigger gave %s"):format(node.role:sub(4), problem.show(x)),
      'it says "continue", "fire", "purge" or "fire_and_purge"')
  end

  -- What is wrong within a nested value is told by the place in it: "column "ctx.state.lines": ctx.state.lines[1] is int".
  local fail = f.fail
  function f.fail(k, err)
    if type(err) == "table" and type(err.message) == "string" then
      err.message = err.message:gsub('^column "ctx%.state%.(.-)": ', function(name)
        return of_key(("state %q"):format(name), nodes, more.cur) .. ": "
      end)
    end
    fail(k, err)
  end
  R.fail = f.fail
  misuses(R, node)
  timers(R)
  collections.attach(R)
  entries(R, nodes, more.cur)
  outside.attach(R, more.plan, process.memory)
  if node.rules then passes(R, node, more.ctx, more.subtask, more.cur) end
end

---What open and close get: they run once for a subtask, without a key.
---@param node table a process
---@param ctx ffi.cdata* struct tm_chain_ctx *
function process.edge_context(node, ctx, subtask)
  local object, metrics = new_object "ctx", metrics_of(node)
  define(object, function(_, k)
    if k == "now" then return tonumber(ctx.now_ms) end
    if k == "watermark" then return ctx.watermark end
    if k == "subtask" then return subtask end
    if k == "metrics" then return metrics end
    problem.raise("UNKNOWN_NAME", ("ctx has no %s here: open and close run once for a subtask, without a key"):format(problem.show(k)),
      "there are " .. table.concat(derived.EDGE_MEMBERS, ", "))
  end)
  return object
end

---The memory of a record that stands for none, and of the copy of one.
function process.memory(plan, anchors)
  local name, pointer = keyed.struct(plan.record)
  local none, backup = ffi.new("uint64_t[?]", plan.record.bytes / 8), ffi.new("uint64_t[?]", plan.record.copied / 8)
  anchors[#anchors + 1], anchors[#anchors + 2] = none, backup
  return name, pointer, ffi.cast(pointer, none), backup
end

return process
