-- What the functions of a process do (LUA_API, "Keyed logic with state and timers"): the columns of what they emit and give to
-- side outputs, what they read, which states and members of ctx they name. ctx is an object to the analysis (bytecode.lua):
-- what its members are is said here.
local bytecode = require "codegen.bytecode"
local calls = require "codegen.calls"
local derive = require "codegen.derive"
local fault = require "tidemill.fault"
local forgets = require "codegen.forgets"
local keyed = require "codegen.keyed"
local problem = require "codegen.problem"
local result = require "codegen.result"
local states = require "tidemill.states"
local suggest = require "tidemill.suggest"
local unknown = require "codegen.unknown"
local utf8 = require "tidemill.utf8"
local values = require "codegen.values"

local process = {}

-- --- ctx and what it gives
-- ---------------------------------------------------------------------------------------------------------------

local METHODS = keyed.METHODS
process.ROWS = "$rows" -- column with the rows of a window
process.EACH_KEY = 'for example ctx:each_key("count", function(ctx, key, state) state:clear() end)'
process.GONE = "$gone" -- column that is true in rows that say that a window is gone
process.NO_TIMER = "declare it beside each: timer = function(ctx, at, name) ... end"

-- The value of a column or state of this type: checked when it was stored.
local function of(type_name)
  if type_name == "string" then return values.TEXT end
  return type_name == "?" and values.UNKNOWN or values.held(type_name)
end

-- A plain value that is a member of an object, which is known of it in case that it is called.
local function member(name, value)
  if value.t ~= "type" and value.t ~= "nil" then return value end
  local known = { member = name }
  for k, v in pairs(value) do known[k] = v end
  return known
end

-- An object of the engine: `members` by name, or a function that finds one.
local function object(name, members, missing)
  local self, plain = { t = "object", name = name }, {}
  function self.get(m, key, line)
    if type(key) ~= "string" then return values.UNKNOWN end
    local found = members[key]
    if found then
      plain[key] = plain[key] or member(("%s.%s"):format(name, key), found)
      return plain[key]
    end
    local message, hint = missing(key)
    bytecode.problem(m, line, "UNKNOWN_NAME", message, hint)
    return values.UNKNOWN
  end
  return self
end

---Why a member cannot be assigned.
function process.not_assigned(name, key)
  return ("%s is read-only: cannot set %s"):format(name, problem.show(key)),
    name == "ctx.state" and type(key) == "string" and ("ctx.state.%s:set(value)"):format(key)
      or name == "ctx" and "what is kept for the key is state: ctx.state.name:set(value)" or nil
end

-- An object whose members are not assigned.
local function fixed(self)
  function self.put(m, key, line) bytecode.problem(m, line, "USER_CODE", process.not_assigned(self.name, key)) end
  return self
end

local function escape_arguments(m, s, args)
  for n = 2, #args do bytecode.escape(m, s, args[n]) end
end

-- A method: called with the object as its first argument. `run` gives its result.
local function method(name, run)
  local owner = { t = "object", name = name }
  function owner.call(m, s, _, args, i, pc, follow)
    if run then return run(m, s, args, i, pc, follow) end
    escape_arguments(m, s, args)
    return values.NIL
  end
  return { t = "method", name = name, on = owner }
end

local function list_of(names) return table.concat(names, ", ") end

local function accumulator_of(state)
  local fields = {}
  for _, f in ipairs(state.custom.schema.fields) do fields[f.name] = of(f.type) end
  return object("accumulator " .. state.name, fields, function(key)
    local names = suggest.keys(fields)
    return ("the accumulator of %q has no field %q; it has %s"):format(state.name, key, list_of(names)), suggest.hint(key, names)
  end)
end

---Why a handler that only reads broadcast state must not change it.
function process.read_only(state, name)
  return ("state %q is broadcast: rule changes it, everything else reads it, so %s is refused"):format(state.name, name),
    "every subtask sees other records: copies that they change would differ"
end

local function refuse_change(state, name)
  return function(m, _, _, i)
    bytecode.problem(m, i.line, "ARGUMENT", process.read_only(state, name))
    return values.NIL
  end
end

-- Methods that change the state become errors.
local function refuse_changes(state, members, name)
  for m in pairs(members) do
    if not keyed.READS[m] then members[m] = method(name .. ":" .. m, refuse_change(state, m)) end
  end
end

local function contains(names, name)
  for _, n in ipairs(names) do if n == name then return true end end
  return false
end

-- The column of the rows that is the map's key in an access, if it is one: C then asks for the entries of a block of rows before
-- their functions run.
local function note_key(state, m, key)
  if key and key.t == "field" and key.p == 2 and m.depth == 0 and state.scope == "key" then state.ahead = state.ahead or key.name end
end

-- What walks over a map or list give, and its methods.
local function collection_members(state, members, name)
  local item = of(state.type)
  local key = state.kind == "map" and of(state.key) or values.NUMBER
  local function gives(m, value) members[m] = method(name .. ":" .. m, function(machine, s, args)
    if state.kind == "map" then note_key(state, machine, args[2]) end
    escape_arguments(machine, s, args)
    return value
  end) end
  if state.kind == "map" then for _, m in ipairs { "put", "remove" } do gives(m, values.NIL) end end
  gives("get", state.kind == "map" and item or values.of(("list(%s)"):format(state.type)))
  gives("has", values.BOOL)
  gives("is_empty", values.BOOL)
  gives("size", values.of("int"))
  gives("pairs", { t = "parts", key = key, value = item })
  gives("keys", { t = "parts", key = key, value = values.UNKNOWN })
  gives("values", { t = "parts", key = item, value = values.UNKNOWN })
  return { t = "parts", key = key, value = item }, state.kind == "list" and item or nil
end

-- A call with more arguments than the method takes; what a call in their place gives beyond the first is not counted.
local function check_count(state, name, found)
  local call, takes = found.on.call, keyed.takes(state, name)
  function found.on.call(m, s, called, args, i, ...)
    if #args - 1 > takes and i.op:sub(1, 5) ~= "CALLM" then
      bytecode.problem(m, i.line, "USER_CODE", keyed.too_many(state, name))
    end
    return call(m, s, called, args, i, ...)
  end
end

---@param node table? of a state of a key: what the functions of `role` do with it is noted
---@param table_of string "state", "broadcast"
---@param writes boolean
local function handle_of(state, table_of, writes, node, role)
  local members, name = {}, ("ctx.%s.%s"):format(table_of, state.name)
  for _, m in ipairs(METHODS[state.kind]) do members[m] = method(name .. ":" .. m) end
  local custom, walk, item = state.custom, nil, nil
  if state.kind == "map" or state.kind == "list" then
    walk, item = collection_members(state, members, name)
    for m in pairs(members) do if not contains(METHODS[state.kind], m) then members[m] = nil end end
  elseif custom then
    local accumulator = accumulator_of(state)
    members.get = method(name .. ":get", function(m, s, _, _, pc, follow)
      return custom.result and follow(m, s, custom.result, { accumulator }, pc) or values.UNKNOWN
    end)
    members.add = method(name .. ":add", function(m, s, args, _, pc, follow)
      if not follow(m, s, custom.add, { accumulator, args[2] or values.NIL }, pc) then escape_arguments(m, s, args) end
      return values.NIL
    end)
  else
    members.get = method(name .. ":get", function() return of(state.type) end)
  end
  for m, found in pairs(members) do check_count(state, m, found) end
  if not writes then refuse_changes(state, members, name) end
  local self = object(name, members, function(key)
    return ("a %s state has no %s; it has %s"):format(state.kind, key, list_of(METHODS[state.kind])),
      keyed.method_hint(state, key)
  end)
  self.walk, self.item = walk, item
  if node then forgets.watch(node, role, state, self, members) end
  return self
end

---The fault of a member that ctx.state does not have.
---@param node table the operator's, or one of process.nodes
function process.unknown_state(node, name)
  local list = {}
  for _, part in ipairs { node.keyed or node.states, node.operator or {} } do
    for _, state in ipairs(part) do list[#list + 1] = state end
  end
  return states.unknown(name, list)
end

---@param role string a rule has no key, and the operator's states alone
local function state_object(node, role)
  local members = {}
  for _, state in ipairs(role ~= "rule" and node.states or {}) do members[state.name] = handle_of(state, "state", true, node, role) end
  for _, state in ipairs(node.operator or {}) do members[state.name] = handle_of(state, "state", true) end
  local self = fixed(object("ctx.state", members, function(key)
    if role == "rule" then return states.unknown(key, node.operator or {}) end
    return process.unknown_state(node, key)
  end))
  function self.lost() forgets.all(node) end
  return self
end

local function window_object(node)
  local members = {}
  for _, state in ipairs(node.window_states) do members[state.name] = handle_of(state, "window_state", true) end
  return fixed(object("ctx.window_state", members, function(key) return states.unknown(key, node.window_states, "window") end))
end

local function broadcast_object(node, writes)
  local members = {}
  for _, state in ipairs(node.broadcast) do members[state.name] = handle_of(state, "broadcast", writes) end
  return fixed(object("ctx.broadcast", members, function(key) return states.unknown(key, node.broadcast, "broadcast") end))
end

local function key_of(node)
  if #node.key == 0 then return values.NIL end
  if #node.key == 1 then return of(node.input.fields[node.input.by_name[node.key[1]]].type) end
  local members = {}
  for _, name in ipairs(node.key) do members[name] = of(node.input.fields[node.input.by_name[name]].type) end
  return fixed(object("ctx.key", members, function(key)
    return ("the key has no field %q; it has %s"):format(key, list_of(node.key)), suggest.hint(key, node.key)
  end))
end

local function metrics_object(node)
  local members = {}
  for _, metric in ipairs(node.metrics) do members[metric.name] = values.constant(metric.object) end
  return object("ctx.metrics", members, function(key)
    local names = suggest.keys(members)
    return ("there is no metric %q; the job has %s"):format(key, #names == 0 and "none" or list_of(names)),
      suggest.hint(key, names) or ("declare it: local %s = tm.counter(%q)"):format(key, key)
  end)
end

-- The rows as they are now: what the function does to them later is another row's affair.
local function exit_of(m, s, value, i)
  local rows = {}
  for id, row in pairs(s.rows) do rows[id] = row end
  return { where = ("%s:%d"):format(m.path, i.line), rows = rows, value = value }
end

---Why a method of ctx is no good with a dot.
function process.without_ctx(method)
  return ("ctx.%s is called without ctx"):format(method), ("with a colon: ctx:%s(...)"):format(method)
end

-- What ctx may be where it is not known as such: it went through what is not followed.
local function check_ctx(m, args, i, name)
  local t = (args[1] or values.NIL).t
  if t ~= "object" and t ~= "?" then bytecode.problem(m, i.line, "USER_CODE", process.without_ctx(name)) end
end

local function emit(m, s, args, i)
  check_ctx(m, args, i, "emit")
  local list = m.out.emits
  list[#list + 1] = exit_of(m, s, args[2] or values.NIL, i)
  return values.NIL
end

local function output(m, s, args, i)
  check_ctx(m, args, i, "output")
  local tag, list = args[2] or values.NIL, m.out.side_emits
  local exit = exit_of(m, s, args[3] or values.NIL, i)
  exit.tag, exit.tag_type = tag.const, values.type_of(tag)
  if exit.tag == nil then bytecode.escape(m, s, tag) end
  list[#list + 1] = exit
  return values.NIL
end

local context_of -- below: what a pass over all keys calls has a ctx too

-- ctx:each_key(state, fn): fn is looked at as a function of its own, which it is.
local function each_key(node)
  return function(m, s, args, i, pc, follow)
    local name, fn = args[2] or values.NIL, args[3] or values.NIL
    local state
    for _, one in ipairs(node.states) do if one.name == name.const then state = one end end
    if name.const ~= nil and not state then
      bytecode.problem(m, i.line, "UNKNOWN_NAME", states.unknown(name.const, node.states))
    end
    if fn.t == "nil" then
      bytecode.problem(m, i.line, "ARGUMENT", "ctx:each_key takes the name of a state and a function, given no function", process.EACH_KEY)
      return values.NIL
    end
    local given = { context_of(node, "pass"), key_of(node),
      state and handle_of(state, "state", true, node, "pass") or values.UNKNOWN }
    if not calls.run(m, s, fn, given, pc, follow) then m.out.out_escapes = true end -- it may emit
    return values.NIL
  end
end

local BASE = { "time", "watermark", "now", "subtask", "metrics", "emit", "output" }
local TIMERS = { "timer", "timer_processing", "delete_timer", "delete_timer_processing" }
local SETS = { timer = true, timer_processing = true }
local EDGES = { open = true, close = true }

-- Has the operator state of windows? `node`: its own, or one of process.nodes.
local function has_window_state(node) return (node.window_states or {})[1] ~= nil end
-- Of open and close, which have no key.
process.EDGE_MEMBERS = { "now", "watermark", "subtask", "metrics" }

-- Of functions of a trigger.
process.TRIGGER_MEMBERS = { "window_start", "window_end", "time", "watermark", "now", "state", "subtask", "metrics", unpack(TIMERS) }

---The members of ctx, by role.
function process.members(node, role)
  if EDGES[role] then return process.EDGE_MEMBERS end
  if node.trigger then return process.TRIGGER_MEMBERS end
  local names, keyed_rows = {}, node.key[1] ~= nil and role ~= "rule"
  local function add(list) for _, name in ipairs(list) do names[#names + 1] = name end end
  if keyed_rows then add { "key" } end
  if role ~= "rule" or (node.operator and node.operator[1]) then add { "state" } end
  add(BASE)
  if node.of_window then
    if node.input.by_name.window_start then add { "window_start", "window_end" } end
    if has_window_state(node) then add { "window_state" } end
    if role ~= "clear" then return names end
    for i, name in ipairs(names) do if name == "emit" then table.remove(names, i) end end
    return names
  end
  if role == "rule" then
    add { "broadcast", "each_key" }
    return names
  end
  if node.rule or node.rules then add { "broadcast" } end
  if role ~= "pass" and keyed_rows then
    add { "domain" }
    add(TIMERS)
  end
  return names
end

-- As in Flink: what comes behind a window's last result would be late for windows behind it.
process.NO_EMIT = { "ctx:emit: clear gives no rows: its window has given all it had",
  'ctx:output("tag", row) gives one to a side output' }

---Why ctx has no such member.
function process.no_member(node, role, key)
  local names, given = process.members(node, role), tostring(key)
  if role == "clear" and key == "emit" then return process.NO_EMIT[1], process.NO_EMIT[2] end
  if EDGES[role] and contains(process.members(node, "timer"), key) then
    return ("ctx.%s: %s runs once for a subtask, without a key"):format(given, role),
      "there are " .. list_of(names) .. "; state, timers and rows are for each and timer"
  elseif not node.key[1] and (key == "key" or contains(TIMERS, key)) then
    return ("ctx.%s: the stream has no key, and %s"):format(given, key == "key" and "so its rows have none" or "timers belong to one"),
      'put :key_by("field") in front of the operator'
  elseif role == "rule" and contains(process.members(node, "timer"), key) then
    return ("ctx.%s: rule runs in every subtask, without a key"):format(given),
      "ctx:each_key(state, function(ctx, key, state) ... end) goes over the keys; timers are for each and timer"
  elseif role == "pass" and contains(TIMERS, key) then
    return ("ctx.%s: timers are for each and timer, not for what a rule does"):format(given)
  elseif key == "window_state" and node.of_window then
    return "ctx.window_state: the function declares no state of windows", 'beside each: window_state = { fired = tm.value("int") }'
  end
  return ("ctx has no %s; it has %s"):format(type(key) == "string" and key or problem.show(key), list_of(names)),
    node.of_window and contains(TIMERS, key) and "the window says when its function runs; timers are of a process on a stream"
    or type(key) == "string" and suggest.hint(key, names) or nil
end

---@param role string of rows, "timer", "pass", "open" or "close"
---@param input table? schema of the rows
function context_of(node, role, input)
  local time = role == "timer" or role == "pass" or (input and input.time_field)
  local all = {
    now = values.of("timestamp"), watermark = values.NUMBER, subtask = values.of("int"), metrics = metrics_object(node),
    time = time and values.of("timestamp") or values.NIL, domain = role == "timer" and values.TEXT or values.NIL,
    window_start = values.of("timestamp"), window_end = values.of("timestamp"),
    emit = method("ctx:emit", emit), output = method("ctx:output", output), each_key = method("ctx:each_key", each_key(node)),
  }
  all.key, all.state = node.key[1] and key_of(node) or nil, state_object(node, role)
  if node.rule then all.broadcast = broadcast_object(node, role == "rule") end
  if has_window_state(node) then all.window_state = window_object(node) end
  for _, name in ipairs(TIMERS) do
    all[name] = method("ctx:" .. name, function(m, s, args, i)
      if not node.timer then
        bytecode.problem(m, i.line, "ARGUMENT", ("ctx:%s: the operator has no function for timers"):format(name), process.NO_TIMER)
      end
      if name == "timer" then m.out.timer = m.out.timer or ("%s:%d"):format(m.path, i.line) end
      if SETS[name] then forgets.sets_timer(node, role) end
      escape_arguments(m, s, args)
      return values.NIL
    end)
  end
  local members = {}
  for _, name in ipairs(process.members(node, role)) do members[name] = all[name] end
  local self = fixed(object("ctx", members, function(key) return process.no_member(node, role, key) end))
  self.emits, self.of_call = not EDGES[role], true
  function self.lost() if not EDGES[role] then forgets.all(node) end end
  return self
end

-- --- the functions together
-- ---------------------------------------------------------------------------------------------------------------

-- What the functions say as if they were one: what it emits, and to where.
local function together(list)
  local all = { known = true, emits = {}, side_emits = {}, returns = {}, functions = {}, made = {}, slow_calls = {}, kept_records = {},
    reads = { true }, uses = { {} }, assigned = { {} }, assigned_dynamic = {}, slices = false, seen_keys = {} }
  local function append(to, from) for _, v in ipairs(from) do to[#to + 1] = v end end
  for _, a in ipairs(list) do
    all.known = all.known and a.known
    all.out_escapes = all.out_escapes or a.out_escapes
    all.raises = all.raises or a.raises
    for _, name in ipairs { "emits", "side_emits", "functions", "made" } do append(all[name], a[name]) end
    for k, v in pairs(a.slow_calls) do all.slow_calls[k] = v end
  end
  return all
end

local function check_tags(node, a)
  for _, exit in ipairs(a.side_emits) do
    if type(exit.tag) ~= "string" then
      fault.raise("TYPE", exit.where, ("%s: ctx:output takes a tag and a row; the tag, a constant text, is %s"):format(node.name,
        exit.tag_type == "table" and "a row here" or "computed here"), 'for example ctx:output("late", { card = ctx.key })')
    end
    if exit.tag == "" or #exit.tag > 255 or exit.tag:find("[%z\1-\31\127]") or not utf8.is_valid(exit.tag) then
      fault.raise("ARGUMENT", exit.where, ("%s: %s cannot be the tag of a side output"):format(node.name, problem.show(exit.tag)),
        "a tag has 1 to 255 bytes of UTF-8, without control characters")
    end
  end
end

-- Rows that timers of processing time give have no event time.
local function without_time(schema)
  local f = schema.time_field and schema.fields[schema.time_field]
  if f and f.hidden then schema.fields[schema.time_field] = { name = f.name, type = f.type, required = false, hidden = true } end
end

-- The columns of what ctx:emit is given, as of a flat_map.
local function rows_of(node, a)
  if #a.emits == 0 and a.known and not a.out_escapes and not node.returns then
    fault.raise("TYPE", node.where, ("%s: its functions never call ctx:emit, so it gives no rows"):format(node.name),
      'ctx:emit { card = ctx.key }; where rows only go to side outputs, :returns { ... } declares the columns all the same')
  end
  local codegen = { texts = {}, numbers = {}, slices = {}, shapes = {} }
  local main = setmetatable({ verb = "flat_map", settled = false, codegen = codegen }, { __index = node })
  derive.rows_of(main, a, a.emits, "emits")
  without_time(main.schema)
  local open = {}
  for _, f in ipairs(main.schema.fields) do if f.type == "?" then open[#open + 1] = ("%q"):format(f.name) end end
  local second = node.inputs[2] and node.inputs[2].schema
  if #open > 0 and second and (unknown.in_schema(node.input) or unknown.in_schema(second)) then
    local which = not unknown.in_schema(second) and "first" or not unknown.in_schema(node.input) and "second" or "two"
    fault.raise("RETURNS_NEEDED", node.where,
      ("%s: the type of %s is known from rows of the %s stream%s alone, and those of the other cannot wait for them"):format(node.name,
      table.concat(open, ", "), which, which == "two" and "s" or ""),
      ("declare the columns: :returns { ... } right after the operator, or %s behind the operator that makes it"):format(open[1]))
  elseif #open > 0 and not unknown.in_schema(node.input) then
    fault.raise("RETURNS_NEEDED", node.where, ("%s: the type of %s does not follow from its functions"):format(node.name,
      table.concat(open, ", ")), 'declare the columns: :returns { name = "string", total = "double" } right after the operator')
  end
  return main
end

-- What a record that is emitted whole takes from its input.
local function read_record(part, exits)
  if part.reads == true or not result.of(exits).record then return end
  for _, f in ipairs(part.input.fields) do if not f.hidden then part.reads[f.name] = true end end
end

-- Timers as rows (core/operator/process.c): the key, then what a timer is; keys of a pass: the key. `$time` is the event time of
-- rows that they emit.
local function due_schema(node, timer)
  local fields, by_name = {}, {}
  local function add(name, type_name, required)
    fields[#fields + 1] = { name = name, type = type_name, required = required, hidden = false }
    by_name[name] = #fields
  end
  for _, name in ipairs(node.key) do add(name, node.input.fields[node.input.by_name[name]].type, true) end
  if timer then
    add("$at", "timestamp", true)
    add("$name", "string", false)
    add("$domain", "string", true)
  end
  add("$time", "timestamp", false)
  return { fields = fields, by_name = by_name, time_field = #fields }
end

-- A function of windows has their bounds in ctx, and may have their rows.
local function read_window(part)
  for _, name in ipairs { "window_start", "window_end", process.ROWS, process.GONE, "$firing" } do
    if part.input.by_name[name] then part.reads[name] = true end
  end
end

---Which parameter of a function of rows is the record, if one is.
function process.record(node)
  if not node.of_window then return 2 end
  return node.of_window == "result" and 3 or nil
end

-- Timers of event time wait for a watermark. Rows without one have the last of all, when the input ends.
local function timer_finding(node, list)
  for _, input in ipairs { node.input, node.inputs[2] and node.inputs[2].schema } do if input.time_field then return nil end end
  for _, a in ipairs(list) do
    if a.timer then
      return { severity = node.endless and "warning" or "advice", code = "NO_WATERMARK", where = a.timer,
        message = ("%s: ctx:timer is of event time, and the rows have no watermark: %s"):format(node.name, node.endless
          and ('it never fires, as "%s" (%s) has no end'):format(node.endless.name, node.endless.where) or "it fires when the input ends"),
        hint = 'put :watermark("field", { out_of_order = "5s" }) above the key, or ctx:timer_processing(ctx.now + 60000)' }
    end
  end
end

-- --- triggers
-- ---------------------------------------------------------------------------------------------------------------------

local VERDICTS = { continue = true, fire = true, purge = true, fire_and_purge = true }

-- What a time that they set comes to.
local TRIGGER_TIMERS = { timer = "event_time", timer_processing = "processing_time" }

local function trigger_context(node, role)
  local members = { now = values.of("timestamp"), watermark = values.NUMBER, subtask = values.of("int"), metrics = metrics_object(node),
    state = state_object(node), window_start = values.of("timestamp"), window_end = values.of("timestamp"),
    time = role ~= "on_merge" and role ~= "on_clear" and (role ~= "on_element" or node.input.time_field) and values.of("timestamp")
      or values.NIL }
  for _, name in ipairs(TIMERS) do
    local fn = TRIGGER_TIMERS[name]
    members[name] = method("ctx:" .. name, function(m, s, args, i)
      if fn and not node.asked[fn] then
        bytecode.problem(m, i.line, "ARGUMENT", ("ctx:%s: the trigger has no function for it"):format(name),
          ("declare it beside element: %s = function(ctx, at) return \"fire\" end"):format(fn))
      end
      if name == "timer" then m.out.timer = m.out.timer or ("%s:%d"):format(m.path, i.line) end
      escape_arguments(m, s, args)
      return values.NIL
    end)
  end
  local self = fixed(object("ctx", members, function(key)
    local names = process.TRIGGER_MEMBERS
    return ("ctx of a trigger has no %s; it has %s"):format(key, list_of(names)), suggest.hint(key, names)
  end))
  self.of_call = true
  return self
end

-- What a function of a role is called with, as rows (core/operator/windows/asked.c): an element; a time; what another window
-- remembered.
local function trigger_input(node, role)
  if role == "on_element" then return node.input end
  local fields, by_name = {}, {}
  local function add(name, type_name)
    fields[#fields + 1] = { name = name, type = type_name, required = false, hidden = false }
    by_name[name] = #fields
  end
  if role == "on_merge" then
    for _, state in ipairs(node.asked.states) do add(state.name, state.type) end
    add("window_start", "timestamp")
    add("window_end", "timestamp")
  else
    add("at", "timestamp")
  end
  return { fields = fields, by_name = by_name }
end

local function check_verdict(node, role, a)
  if role == "on_merge" or role == "on_clear" then return end
  for _, exit in ipairs(a.returns) do
    local v, t = exit.value.const, values.type_of(exit.value)
    if (type(v) == "string" and not VERDICTS[v]) or (t and t ~= "string" and t ~= "?" and t ~= "nil") then
      local nearest = suggest.hint(tostring(v), suggest.keys(VERDICTS))
      fault.raise("ARGUMENT", exit.where or node.where, ("%s: %s of its trigger gives %s"):format(node.name, role:sub(4),
        problem.show(v ~= nil and v or t)), 'it says "continue", "fire", "purge" or "fire_and_purge"'
        .. (nearest and "; " .. nearest or ""))
    end
  end
end

---Looks at the functions of a window's trigger: sets node.codegen.trigger and adds to node.reads.
function process.trigger(node)
  local asked, list = node.asked, {}
  for _, name in ipairs { "element", "event_time", "processing_time", "merge", "clear" } do
    local role, fn = "on_" .. name, asked[name]
    if fn then
      local input = trigger_input(node, role)
      local look = setmetatable({ input = input, states = asked.states, metrics = asked.metrics }, { __index = node })
      local params, record = { { value = trigger_context(look, role) } }, nil
      if role == "on_element" or role == "on_merge" then
        record = 2
        params[2] = input.bare and { bare = true } or { schema = input }
      elseif role ~= "on_clear" then
        params[2] = { value = values.of("timestamp") }
      end
      local a = derive.analyse(look, fn, params)
      a.slices = false
      derive.no_assignment(node, a, "a trigger")
      check_verdict(node, role, a)
      for _, state in ipairs(asked.states) do if state.fn then a.functions[#a.functions + 1] = state.fn end end
      if role == "on_element" then derive.add_reads(node, a, 2) end
      node.codegen.trigger[role] = { analysis = a, input = input, fn = fn, record = record }
      list[#list + 1] = a
    end
  end
  local findings = node.codegen.findings
  findings[#findings + 1] = timer_finding(node, list)
  local time = node.input.time_field and node.input.fields[node.input.time_field].name
  if time and node.reads ~= true then node.reads[time] = true end
end

-- The node as one of its inputs sees it: with its schema, its key's columns, and what is read of it.
local function part_of(node, number)
  local input = number == 1 and node.input or node.inputs[number].schema
  local part = setmetatable({ input = input, role = node.roles[number], reads = {} }, { __index = node })
  for _, name in ipairs(number == 1 and node.key or node.second_key or {}) do part.reads[name] = true end
  local time = input.time_field and input.fields[input.time_field].name
  if time then part.reads[time] = true end
  return part
end

-- What a function does; with it go those that its states bring along.
local function analyse(node, role, input, list)
  local params = { { value = context_of(node, role, input) } }
  if role == "clear" then
    params[2] = nil
  elseif input and node.of_window then
    local rows = input.by_name[process.ROWS]
    params[2] = { value = key_of(node) }
    params[3] = rows and { value = of(input.fields[rows].type) } or { schema = input }
  elseif input then
    params[2] = input.bare and { bare = true } or { schema = input }
  elseif role == "timer" then
    params[2], params[3] = { value = values.of("timestamp") }, { value = values.TEXT }
  end
  local found = node.codegen.findings
  local before = #found
  local a = derive.analyse(node, node[role], params)
  a.slices = false
  forgets.ended(node, role, a)
  for i = #found, before + 1, -1 do -- rules are few: what they do need not be compiled
    if role == "rule" and found[i].code == "NOT_COMPILED" then table.remove(found, i) end
  end
  for _, kept in ipairs { node.states, node.window_states or {} } do
    for _, state in ipairs(kept) do
      local custom = state.custom or {}
      for _, fn in ipairs { state.fn or false, custom.add or false, custom.result or false } do
        if fn then a.functions[#a.functions + 1] = fn end
      end
    end
  end
  node.codegen.roles[role] = { analysis = a, input = input }
  list[#list + 1] = a
  return a
end

-- How the columns of each input are read.
local function modes_of(node, parts)
  local g, exits = node.codegen, {}
  for i, side in ipairs(g.sides) do exits[i] = { exits = side.exits, passes = {} } end
  local record = g.result.record
  for _, side in ipairs(g.sides) do record = record or side.codegen.result.record end
  for _, part in ipairs(parts) do
    g.modes[part.role] = (record or not process.record(node)) and {}
      or result.modes(g.roles[part.role].analysis, process.record(node), {}, exits)
  end
end

---Sets node.schema, node.reads, node.passes of a process; of two inputs node.reads_of each.
---@return table[] findings
function process.derive(node)
  node.codegen = { findings = {}, assumed = {}, texts = {}, numbers = {}, slices = {}, shapes = {}, roles = {}, modes = {} }
  node.passes = {}
  forgets.begin(node)
  local g, list, parts = node.codegen, {}, {}
  for i, role in ipairs(node.roles) do
    local part = part_of(node, i)
    local a = analyse(node, role, part.input, list)
    derive.no_assignment(node, a, node.verb)
    if node.of_window then read_window(part) end
    if process.record(node) then derive.add_reads(part, a, process.record(node)) end
    parts[i] = part
  end
  for _, role in ipairs { "timer", "open", "close" } do
    if node[role] then analyse(node, role, nil, list) end
  end
  if node.clear then analyse(node, "clear", node.input, list) end
  if parts[2] then for _, state in ipairs(node.states) do state.ahead = nil end end -- columns of which of the two?
  local all = together(list)
  check_tags(node, all)
  g.analysis = all
  require("tidemill.undeclared").check(node) -- before it is missed what a name that is not there should have done
  local main = rows_of(node, all)
  g.result, g.texts, g.numbers = main.codegen.result, main.codegen.texts, main.codegen.numbers
  node.schema, node.reads = main.schema, parts[1].reads
  -- Again whenever a side output is read that was not before: what goes to it is read, too.
  function g.with_sides()
    for _, side in ipairs(g.sides) do without_time(side.schema) end
    for _, part in ipairs(parts) do
      local a = g.roles[part.role].analysis
      read_record(part, a.emits)
      read_record(part, a.side_emits)
    end
    node.reads = parts[1].reads
    node.reads_of = parts[2] and { node.reads, parts[2].reads } or nil
    modes_of(node, parts)
  end
  derive.sides(node)
  g.timer_schema = due_schema(node, true)
  if node.rule then g.roles.pass = { analysis = g.roles.rule.analysis, input = due_schema(node, false) } end
  g.findings[#g.findings + 1] = timer_finding(node, list)
  g.findings[#g.findings + 1] = forgets.finding(node)
  return g.findings
end

return process
