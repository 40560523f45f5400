-- tm.value, tm.list, tm.map, tm.reducing, tm.aggregating: what a process keeps of each key. A declaration is an object without a name: the
-- operator's table of states gives it one. What is kept where: lua/codegen/keyed.lua.
local check = require "tidemill.check"
local fault = require "tidemill.fault"
local fit = require "codegen.fit"
local freeze = require "tidemill.freeze"
local order = require "tidemill.order"
local schema = require "tidemill.schema"
local suggest = require "tidemill.suggest"
local type_text = require "tidemill.type_text"
local types = require "tidemill.types"

local states = {}

states.MAX = 64 -- core/base/limits.h: TM_STATES_MAX

-- Kept for ever, and meant so: `check` has nothing to say then.
local NEVER = "never"
local KEPT = 'for example "1h"; "never" keeps it for ever'

local MIGRATE = "for example migrate = function(old) return math.floor(old) end"

-- What every state may say: its time to live, and what it was in older checkpoints.
local COMMON = {
  renamed_from = function(at, what, v) return check.name(at, what, v) end,
  migrate = function(at, what, v) return check.func(at, what, v, MIGRATE) end,
  ttl = function(at, what, v) return v == NEVER and v or check.duration(at, what, v, 1, KEPT) end,
  clock = function(at, what, v) return check.choice(at, what, v, { "processing", "event" }) end,
  refresh = function(at, what, v) return check.choice(at, what, v, { "write", "access" },
    'refresh = "access" begins it anew with reading too, "write" with writing alone') end,
}

local function any(_, _, v) return v end

-- The options that are about a state's time to live; those without `ttl` would say nothing.
local function ttl_of(at, what, values)
  for _, name in ipairs { "clock", "refresh" } do
    if values[name] and (not values.ttl or values.ttl == NEVER) then
      fault.raise("OPTION", at, ("%s: %s is about the time to live, and %s"):format(what, name,
        values.ttl and 'ttl = "never" is none' or "there is no ttl"),
        ('for example { ttl = "1h", %s = "%s" }'):format(name, values[name]))
    end
  end
  local never = values.ttl == NEVER
  return { ms = not never and values.ttl or nil, never = never, clock = values.clock or "processing", refresh = values.refresh or "write" }
end

local function options(call, what, given, more)
  local spec = {}
  for k, v in pairs(COMMON) do spec[k] = v end
  for k, v in pairs(more or {}) do spec[k] = v end
  if type(given) == "string" then
    check.wrong(call.at, what, "a table of options", given, ("options stand in braces: { ttl = %q }"):format(given))
  end
  return check.options(call.at, what, given, spec)
end

local EXAMPLE = 'for example { count = tm.value("int", { default = 0 }) }'

-- The type of a state as text.
local function type_of(call, what, given)
  if given == nil then
    check.wrong(call.at, what, "a type", given, ('for example %s("int")'):format(what:match("^[%w_.]+")))
  end
  if type(given) ~= "table" then return types.parse(given, call.at, what) end
  local s = schema.declare(call, what, { value = given })
  schema.refuse_options(call.at, what, s)
  if s.fields[1].required then
    fault.raise("SCHEMA", call.at, what .. ": a state cannot be required: before its first value there is none",
      "{ default = value } is what get() gives then")
  end
  return s.fields[1].type
end

-- For hints about a default: what such a value is a default of, and the first that there is of a type.
local OWN_TYPE = { string = "string", boolean = "bool", number = "double" }
local ZEROS = { int = "0", int64 = "0", double = "0", decimal = "0", string = '""', bytes = '""', bool = "false", timestamp = "0" }

local function default_of(call, what, text, given)
  if given == nil then return nil end
  if type_text.is_nested(text) or text == "any" then
    fault.raise("ARGUMENT", call.at, ("%s: a state of type %s has no default: get() gives nil before the first value"):format(what,
      text), "local value = ctx.state.name:get() or {}")
  end
  local fits, value = fit.value({ type = text }, given)
  if not fits or value == nil then
    local constructor, own = what:match("^[%w_.]+"), OWN_TYPE[type(given)]
    local kind = type_text.kind(text)
    local zero = ZEROS[kind]
    if kind == "decimal" or kind == "int64" or kind == "timestamp" then own = nil end -- no type of values that Lua has
    check.wrong(call.at, what .. ": default", "a value of type " .. text, given,
      own and own ~= text and ("the state's type comes first: %s(%q, { default = %s })"):format(constructor, own, check.show(given))
      or zero and ("for example %s(%q, { default = %s })"):format(constructor, text, zero) or "without one get() gives nil at first")
  end
  return value
end

---tm.value("int", { default = 0, ttl = "1h", clock = "event", refresh = "access" })
function states.value(call, given, with)
  local text = type_of(call, "tm.value", given)
  local values = options(call, "tm.value", with, { default = any })
  return freeze.object("state", { kind = "value", type = text, default = default_of(call, "tm.value", text, values.default),
    renamed_from = values.renamed_from, migrate = values.migrate,
    ttl = ttl_of(call.at, "tm.value", values), where = call.at })
end

---tm.reducing("double", function(a, b) return a + b end)
function states.reducing(call, given, fn, with)
  local text = type_of(call, "tm.reducing", given)
  check.func(call.at, "tm.reducing", fn, 'for example tm.reducing("double", function(a, b) return a + b end)')
  local values = options(call, "tm.reducing", with)
  return freeze.object("state", { kind = "reducing", type = text, fn = fn, renamed_from = values.renamed_from, migrate = values.migrate,
    ttl = ttl_of(call.at, "tm.reducing", values), where = call.at })
end

---tm.aggregating(tm.aggregate { accumulator = ..., add = ..., result = ... })
function states.aggregating(call, given, with)
  local made = freeze.content(given, "custom aggregate")
  if not made then
    check.wrong(call.at, "tm.aggregating", "an aggregate made by tm.aggregate", given,
      'for example tm.aggregating(tm.aggregate { accumulator = { n = "int" }, add = function(a, e) a.n = a.n + 1 end })')
  end
  local of = {}
  for i, f in ipairs(made.schema.fields) do of[i] = { name = f.name, type = type_text.tree(f.type), required = false } end
  local values = options(call, "tm.aggregating", with)
  if values.migrate then
    fault.raise("OPTION", call.at, "tm.aggregating: migrate is of one value; new fields of an accumulator begin at nothing",
      "give the state another name, and drop the old one: tidemill run --drop-state")
  end
  return freeze.object("state", { kind = "aggregating", type = type_text.make("struct", of).text, custom = made,
    renamed_from = values.renamed_from, ttl = ttl_of(call.at, "tm.aggregating", values), where = call.at })
end

-- --- lists and maps: their types are types of columns too
-- ---------------------------------------------------------------------------------------------------------------

---Are these options of a list or map that is a state? Those of an aggregate are others.
function states.is_ttl(given)
  return type(given) == "table" and not freeze.kind(given) and (given.ttl ~= nil or given.clock ~= nil or given.refresh ~= nil
    or given.renamed_from ~= nil or given.migrate ~= nil)
end

---tm.list("double", { ttl = "1h" }), tm.map("string", "int", { ttl = "1d", clock = "event" }): of states alone.
---@param type any a type of a list or a map
function states.collection(call, what, type, with)
  local values = options(call, what, with)
  return freeze.object("collection", { type = type, renamed_from = values.renamed_from, migrate = values.migrate,
    ttl = ttl_of(call.at, what, values), where = call.at })
end

local function list_of(call, what, given, ttl)
  local text = type_of(call, what, given)
  return { kind = "list", type = text, ttl = ttl, where = call.at }
end

-- What was said of a list or map beside its type.
local function with_past(state, collection)
  if state and collection then state.renamed_from, state.migrate = collection.renamed_from, collection.migrate end
  return state
end

local function map_of(call, tree, ttl)
  return { kind = "map", key = tree.of[1].type.text, type = tree.of[2].type.text, ttl = ttl, where = call.at }
end

-- What stands in `state = { ... }`: a state, or the type of a list or map.
local function state_of(call, what, given)
  local state = freeze.content(given, "state")
  if state then return state end
  local collection = freeze.content(given, "collection")
  local made = collection and collection.type or given
  local ttl = collection and collection.ttl or ttl_of(call.at, what, {})
  local list, map = freeze.content(made, "list"), freeze.content(made, "map")
  if list and list.options then
    fault.raise("OPTION", call.at, ("%s: limit is of an aggregate; a state has the options ttl, clock, refresh"):format(what),
      "a list that is to hold some of the last values: if #list == 100 then list:clear() end, or a map by number")
  end
  if list then return with_past(list_of(call, what, list.given, ttl), collection) end
  return with_past(map and map_of(call, map, ttl), collection)
end

---tm.operator_list("int", { split = "even" }): values of the operator, outside of keys; at a restore divided among its subtasks
---("even"), or all given to each ("union").
function states.operator_list(call, given, with)
  local text = type_of(call, "tm.operator_list", given)
  local values = check.options(call.at, "tm.operator_list", with, {
    split = function(at, what, v) return check.choice(at, what, v, { "even", "union" }) end,
    renamed_from = COMMON.renamed_from, migrate = COMMON.migrate,
  })
  return freeze.object("state", { kind = "list", type = text, ttl = ttl_of(call.at, "tm.operator_list", {}), where = call.at,
    renamed_from = values.renamed_from, migrate = values.migrate, scope = values.split or "even" })
end

-- How many bits of the record's first word a state takes.
local function bits(state) return state.custom and 1 + #state.custom.schema.fields or 1 end

-- What is said of a state in messages by where it is kept.
local TABLES = { broadcast = "broadcast", window = "window_state" }

local function of_a_window(call, what, name, state)
  if not state.scope then return end
  fault.raise("ARGUMENT", call.at, ("%s: window_state: %q is a list of the operator, and not of a window"):format(what, name),
    "tm.list(type) is a list of each window")
end

-- What is kept outside of keys is there until it is taken away.
local function outside_of_keys(call, what, name, state)
  if state.scope then
    fault.raise("ARGUMENT", call.at, ("%s: broadcast: %q is a list of the operator, which every subtask changes for itself"):format(what,
      name), ("state = { %s = tm.operator_list(...) }"):format(name))
  end
  if state.ttl.ms then
    fault.raise("OPTION", call.at, ("%s: broadcast: %q has a time to live; broadcast state has none: every subtask has a copy, "
      .. "and they would differ"):format(what, name), "a rule that withdraws it clears it")
  end
end

-- What a checkpoint has under a name goes to one state.
local function refuse_old_names(call, what, list)
  local holders = {}
  for _, state in ipairs(list) do
    if not state.renamed_from then holders[state.name] = state end
  end
  for _, state in ipairs(list) do
    local was = state.renamed_from
    if was and holders[was] then
      fault.raise("DUPLICATE_NAME", state.where or call.at, ('%s: state %q is renamed from %q, which state %q has too'):format(what,
        state.name, was, holders[was].name), "what a checkpoint has under a name goes to one state")
    end
    if was then holders[was] = state end
  end
end

---The states that an operator declares, in the order of the job's text.
---@param call table { at =, file =, line = }
---@param what string 'process "velocity"'
---@param given table?
---@param time_field integer? of the rows
---@param scope string? "broadcast", "window" (of a window of a key); else of a key
---@return table[] { name =, kind =, type =, default =, fn =, custom =, ttl =, scope = }
function states.declare(call, what, given, time_field, scope)
  if given == nil then return {} end
  local table_of = TABLES[scope] or "state"
  if type(given) ~= "table" or freeze.kind(given) then
    check.wrong(call.at, what .. ": " .. table_of, "a table of states", given, EXAMPLE)
  end
  for k in pairs(given) do
    if type(k) ~= "string" then check.wrong(call.at, what .. ": " .. table_of, "a name for every state", k, EXAMPLE) end
  end
  order.refuse_twice(call, what .. ": " .. table_of, given)
  local list, taken = {}, 0
  for _, name in ipairs(order.keys(given, call.file, call.line)) do
    check.name(call.at, what .. ": the name of a state", name)
    local state = state_of(call, ("%s: %s %q"):format(what, table_of, name), given[name])
    if not state then
      check.wrong(call.at, ("%s: %s %q"):format(what, table_of, name), "tm.value, tm.list, tm.map, tm.reducing or tm.aggregating",
        given[name], type(given[name]) == "string" and type_text.parse(given[name]) and ("%s = tm.value(%q)"):format(name, given[name])
        or EXAMPLE)
    end
    if scope == "window" then of_a_window(call, what, name, state)
    elseif scope then outside_of_keys(call, what, name, state) end
    if state.ttl.ms and state.ttl.clock == "event" and not time_field then
      fault.raise("NO_WATERMARK", call.at, ('%s: state %q: clock = "event" is the watermark, and the rows have none'):format(what,
        name), 'put :watermark("field", ...) above the key, or leave clock out: the time of the machine')
    end
    taken = taken + bits(state)
    if taken > states.MAX then
      fault.raise("LIMIT", call.at, ("%s: state %q is one too many: an operator keeps at most %d values of a key")
        :format(what, name, states.MAX), "fields of an accumulator count each; values that belong together can be one struct")
    end
    list[#list + 1] = { name = name, kind = state.kind, key = state.key, type = state.type, default = state.default, fn = state.fn,
      custom = state.custom, ttl = state.ttl, where = state.where, renamed_from = state.renamed_from, migrate = state.migrate,
      scope = state.scope or scope or "key" }
  end
  refuse_old_names(call, what, list)
  return list
end

---Raises where a name stands for states of different types in two tables of an operator: one would be taken for the other.
---@param lists table[][] states.declare, each of a table
function states.refuse_two_types(call, what, lists)
  local known = {}
  local function text(state) return ("%s of %s"):format(state.kind, (state.key and state.key .. " to " or "") .. state.type) end
  local function table_of(state) return TABLES[state.scope] or "state" end
  for _, list in ipairs(lists) do
    for _, state in ipairs(list) do
      local other = known[state.name]
      if other and text(other) ~= text(state) then
        fault.raise("DUPLICATE_NAME", state.where or call.at, ("%s: %s %q is a %s, and %s %q a %s"):format(what, table_of(state),
          state.name, text(state), table_of(other), other.name, text(other)),
          "a name stands for one type in all states of an operator: rename one")
      end
      known[state.name] = other or state
    end
  end
end

---The states of a key, and those of the operator.
---@param list table[] states.declare
---@return table[] of_keys, table[] of_operator
function states.divide(list)
  local of_keys, of_operator = {}, {}
  for _, state in ipairs(list) do
    local to = state.scope == "key" and of_keys or of_operator
    to[#to + 1] = state
  end
  return of_keys, of_operator
end

---The fault of a state that nobody declared.
---@param list table[] those of its table
---@param scope string? "broadcast", "window"
function states.unknown(name, list, scope)
  local names = {}
  for i, s in ipairs(list) do names[i] = s.name end
  local kind = scope and scope .. " state" or "state"
  return ("there is no %s %q; %s"):format(kind, tostring(name), #names == 0 and "the operator declares none"
    or ("the %ss are %s"):format(kind, suggest.list(names))),
    suggest.hint(tostring(name), names) or ('declare it: %s = { %s = tm.value("int") }'):format(TABLES[scope] or "state", tostring(name))
end

return states
