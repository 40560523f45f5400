-- States of a key: how they are declared, what programs of process functions do to them, and what is kept of them, over plain tables
-- (docs/guide/process-functions.md; SEMANTICS 15 for times to live). An entry is { value =, last = }, of a map one for each of its
-- keys, of a list one for each of its values; what is over is taken out before anything looks.
--
-- A kind has
--   draw(random, state)             fills in what is its own
--   declared(state) -> text         the constructor's call up to its options
--   change(random, state, x) -> s   a statement { verb, name, ... }; x.number(), x.text(), x.key(state), x.value(state) draw arguments
--   shown(state) -> text            an expression over ctx.state for a column of the rows
--   column(state) -> column
--   show(call, state) -> value      the same in the model
--   size(call, state) -> number     for conditions; nil: its value
-- and STATEMENTS how each verb is written and done.
local expr = require "tests.oracle.expr"

local states = {}
local KINDS, STATEMENTS = {}, {}

-- What loops over maps and lists give, in the job's text.
states.PRELUDE = [[
local function sum_of(m)
  local sum, n = 0, 0
  for k, v in pairs(m) do
    sum = sum + #tostring(k) + (type(v) == "number" and v or #v)
    n = n + 1
  end
  return sum * 1000 + n
end
local function weighed(l)
  local sum = 0
  for i, v in ipairs(l) do sum = sum + i * (type(v) == "number" and v or #v) end
  return sum
end]]

local function size_of(v) return type(v) == "number" and v or #v end

-- Where the functions find it: of a key, or of the rules.
local function place_of(state) return (state.shared and "ctx.broadcast." or "ctx.state.") .. state.name end

local function kept_of(call, state) return state.shared and call.shared or call.states end

-- --- what is kept --------------------------------------------------------------------------------------------------------

-- Nothing is over before the first watermark.
local function is_over(call, state, entry)
  local ttl = state.ttl
  if not ttl then return false end
  local now = ttl.clock == "event" and call.out.watermark() or call.out.now()
  return now > -math.huge and entry.last + ttl.after <= now
end

local function touch(call, state, entry)
  if not state.ttl then return entry end
  local at = call.out.now()
  if state.ttl.clock == "event" then at = call.time or call.out.watermark() end
  entry.last = math.max(entry.last or -math.huge, at)
  return entry
end

local function read(call, state, entry)
  if state.ttl and state.ttl.refresh == "access" then touch(call, state, entry) end
  return entry.value
end

-- The entry of a value; nil: there is none.
local function alive(call, state)
  local entry = kept_of(call, state)[state.name]
  if entry and is_over(call, state, entry) then
    kept_of(call, state)[state.name], entry = nil, nil
  end
  return entry
end

local function get(call, state)
  local entry = alive(call, state)
  if not entry then return state.default end
  return read(call, state, entry)
end

local function set(call, state, value)
  local entry = alive(call, state) or {}
  entry.value = value
  kept_of(call, state)[state.name] = value ~= nil and touch(call, state, entry) or nil
end

-- Entries of a map by key.
local function entries(call, state)
  local map = kept_of(call, state)[state.name] or {}
  kept_of(call, state)[state.name] = map
  for key, entry in pairs(map) do if is_over(call, state, entry) then map[key] = nil end end
  return map
end

local function put(call, state, key, value)
  local map = entries(call, state)
  map[key] = map[key] or {}
  map[key].value = value
  touch(call, state, map[key])
end

local function lookup(call, state, key)
  local entry = entries(call, state)[key]
  return entry and read(call, state, entry)
end

-- Entries of a list.
local function items(call, state)
  local list, left = kept_of(call, state)[state.name] or {}, {}
  for _, entry in ipairs(list) do if not is_over(call, state, entry) then left[#left + 1] = entry end end
  kept_of(call, state)[state.name] = left
  return left
end

local function append(call, state, value)
  local list = items(call, state)
  list[#list + 1] = touch(call, state, { value = value })
end

---Is there something of it?
function states.exists(call, state)
  if state.kind == "map" then return next(entries(call, state)) ~= nil end
  if state.kind == "list" then return #items(call, state) > 0 end
  return alive(call, state) ~= nil
end

---Of all states of a key: what a call that fails goes back to.
function states.copy(kept)
  if type(kept) ~= "table" then return kept end
  local new = {}
  for k, v in pairs(kept) do new[k] = states.copy(v) end
  return new
end

-- --- kinds --------------------------------------------------------------------------------------------------------------

local function accumulated(verb)
  return function(random, state, x)
    if random:chance(15) then return { "clear", state.name } end
    return { verb, state.name, x.number() }
  end
end

KINDS.value = {
  draw = function(random, state)
    if random:chance(30) then state.type = "string" end
    if random:chance(50) then state.default = state.type == "int" and random:int(-2, 3) or "none" end
  end,
  declared = function(state)
    return ("tm.value(%q"):format(state.type), state.default ~= nil and "default = " .. expr.text({ "const", state.default }) or nil
  end,
  change = function(random, state, x)
    if random:chance(15) then return { "clear", state.name } end
    if state.type == "string" then return { "set", state.name, x.text() } end
    return { random:chance(60) and "increase" or "set", state.name, x.number() }
  end,
  shown = function(state) return place_of(state) .. ":get()" end,
  column = function(state) return { type = state.type, nullable = 50 } end,
  show = get,
}

KINDS.reducing = {
  draw = function() end,
  declared = function() return 'tm.reducing("int", function(a, b) return a + b end' end,
  change = accumulated("add"),
  shown = KINDS.value.shown, column = KINDS.value.column, show = get,
}

-- The accumulator is { sum =, n = }.
KINDS.aggregating = {
  draw = function(random, state) state.columns = random:chance(50) or nil end,
  declared = function(state)
    return ([[tm.aggregating(tm.aggregate { accumulator = { sum = "int", n = "int" },
        add = function(a, v) a.sum = a.sum + v a.n = a.n + 1 end,
        result = function(a) return %s end }]]):format(state.columns and "{ sum = a.sum, n = a.n }" or "a.sum * 10 + a.n")
  end,
  change = accumulated("aggregate"),
  shown = function(state)
    if not state.columns then return KINDS.value.shown(state) end
    return ("(%s:get() or { sum = -1 }).sum"):format(place_of(state))
  end,
  column = KINDS.value.column,
  show = function(call, state)
    local a = get(call, state)
    if state.columns then return a and a.sum or -1 end
    return a and a.sum * 10 + a.n
  end,
}

KINDS.map = {
  draw = function(random, state)
    state.key = random:pick { "string", "int" }
    if random:chance(30) then state.type = "string" end
    state.seen = random:weighted { { 4, "sum" }, { 2, "size" }, { 2, "get" }, { 1, "has" } }
    state.at = state.key == "string" and random:pick { "a", "none", "" } or random:int(0, 3)
  end,
  declared = function(state) return ("tm.map(%q, %q"):format(state.key, state.type) end,
  change = function(random, state, x)
    local verb = random:weighted { { 5, "put" }, { state.type == "int" and 4 or 0, "bump" }, { 2, "remove" }, { 2, "sweep" },
      { 1, "clear" } }
    if verb == "clear" then return { verb, state.name } end
    if verb == "sweep" then return { verb, state.name, { "const", random:int(2, 4) } } end
    return { verb, state.name, x.key(state), verb ~= "remove" and x.value(state) or nil }
  end,
  shown = function(state)
    local name, at = place_of(state), expr.text({ "const", state.at })
    if state.seen == "sum" then return ("sum_of(%s)"):format(name) end
    return ("%s:%s(%s)"):format(name, state.seen, state.seen ~= "size" and at or "")
  end,
  column = function(state)
    if state.seen == "has" then return { type = "bool" } end
    return { type = state.seen == "get" and state.type or "int", nullable = state.seen == "get" and 50 or nil,
      large = state.seen == "sum" or nil }
  end,
  show = function(call, state)
    local map = entries(call, state)
    if state.seen == "get" then return lookup(call, state, state.at) end
    if state.seen == "has" then return lookup(call, state, state.at) ~= nil end
    local sum, n = 0, 0
    for key, entry in pairs(map) do
      if state.seen == "sum" then sum = sum + #tostring(key) + size_of(read(call, state, entry)) end
      n = n + 1
    end
    return state.seen == "size" and n or sum * 1000 + n
  end,
  size = function(call, state)
    local n = 0
    for _ in pairs(entries(call, state)) do n = n + 1 end
    return n
  end,
}

KINDS.list = {
  draw = function(random, state)
    if random:chance(30) then state.type = "string" end
    state.seen = random:weighted { { 4, "get" }, { 2, "walk" }, { 1, "size" }, { 1, "first" }, { 1, "last" } }
  end,
  declared = function(state) return ("tm.list(%q"):format(state.type) end,
  change = function(random, state, x)
    local verb = random:weighted { { 6, "append" }, { 2, "append_two" }, { 2, "update" }, { 2, "shorten" }, { 1, "clear" } }
    if verb == "clear" or verb == "shorten" then return { verb, state.name } end
    return { verb, state.name, x.value(state), (verb == "append_two" or verb == "update" and random:chance(50)) and x.value(state) or nil }
  end,
  shown = function(state)
    local name = place_of(state)
    if state.seen == "walk" then return ("weighed(%s)"):format(name) end
    if state.seen == "first" then return name .. "[1]" end
    if state.seen == "last" then return ("%s[#%s]"):format(name, name) end
    return ("%s:%s()"):format(name, state.seen)
  end,
  column = function(state)
    if state.seen == "get" then return { type = "list", of = { type = state.type } } end
    if state.seen == "walk" or state.seen == "size" then return { type = "int", large = state.seen == "walk" or nil } end
    return { type = state.type, nullable = 50 }
  end,
  show = function(call, state)
    local list = items(call, state)
    if state.seen == "size" then return #list end
    if state.seen == "first" then return list[1] and read(call, state, list[1]) end
    if state.seen == "last" then return list[1] and read(call, state, list[#list]) end
    local values, sum = { n = #list }, 0
    for i, entry in ipairs(list) do
      values[i] = read(call, state, entry)
      sum = sum + i * size_of(values[i])
    end
    return state.seen == "get" and values or sum
  end,
  size = function(call, state) return #items(call, state) end,
}

-- --- statements -----------------------------------------------------------------------------------------------------------

-- Each: its text with the state, the arguments and the place of a record; what it does with the arguments' values.
STATEMENTS.clear = { "%s:clear()", function(call, state) kept_of(call, state)[state.name] = nil end }
STATEMENTS.set = { "%s:set(%s)", set }
STATEMENTS.increase = { "%s:set((%s:get() or 0) + %s)",
  function(call, state, v) set(call, state, (get(call, state) or 0) + v) end, twice = true }
STATEMENTS.add = { "%s:add(%s)", function(call, state, v)
  local entry = alive(call, state)
  set(call, state, (entry and entry.value or 0) + v)
end }
STATEMENTS.aggregate = { "%s:add(%s)", function(call, state, v)
  local entry = alive(call, state)
  local a = entry and entry.value or { sum = 0, n = 0 }
  set(call, state, { sum = a.sum + v, n = a.n + 1 })
end }
STATEMENTS.put = { "%s:put(%s, %s)", put }
STATEMENTS.bump = { "local m, k = %s, %s m:put(k, (m:get(k) or 0) + %s)",
  function(call, state, key, v) put(call, state, key, (lookup(call, state, key) or 0) + v) end }
STATEMENTS.remove = { "%s:remove(%s)", function(call, state, key) entries(call, state)[key] = nil end }
-- A walk that takes out what it comes by.
STATEMENTS.sweep = { "local m = %s for k, v in m:pairs() do if (type(v) == \"number\" and v or #v) %% %s == 0 then m:remove(k) end end",
  function(call, state, n)
    local map = entries(call, state)
    for key, entry in pairs(map) do if size_of(read(call, state, entry)) % n == 0 then map[key] = nil end end
  end }
STATEMENTS.append = { "%s:add(%s)", append }
STATEMENTS.append_two = { "%s:add_all { %s, %s }", function(call, state, a, b)
  append(call, state, a)
  append(call, state, b)
end }
STATEMENTS.update = { "%s:update { %s }", function(call, state, a, b)
  kept_of(call, state)[state.name] = {}
  append(call, state, a)
  if b ~= nil then append(call, state, b) end
end, list = true }
STATEMENTS.shorten = { "local l = %s if #l > 2 then l:update { l[#l - 1], l[#l] } end", function(call, state)
  local list = items(call, state)
  if #list <= 2 then return end
  local a, b = list[#list - 1].value, list[#list].value
  kept_of(call, state)[state.name] = {}
  append(call, state, a)
  append(call, state, b)
end }

-- --- of a case --------------------------------------------------------------------------------------------------------------

local function draw_ttl(random, info, context)
  if not context.steps or random:chance(60) then return nil end
  return { after = random:pick { 5, 20, 60 }, clock = info.timed and random:chance(60) and "event" or "processing",
    refresh = random:chance(40) and "access" or "write" }
end

---Of a key, or shared by all keys of a subtask, as rules leave them.
function states.draw(random, info, context, shared)
  local list = {}
  for _ = 1, random:int(1, shared and 2 or 3) do
    local kind = random:weighted(shared and { { 1, "value" }, { 1, "map" } }
      or { { 8, "value" }, { 3, "reducing" }, { 3, "aggregating" }, { 6, "map" }, { 6, "list" } })
    local state = { name = context.fresh("v"), kind = kind, type = "int", shared = shared }
    KINDS[kind].draw(random, state)
    state.ttl = not shared and draw_ttl(random, info, context) or nil
    list[#list + 1] = state
  end
  return list
end

function states.text(state)
  local call, option = KINDS[state.kind].declared(state)
  local options = { option }
  if state.ttl then
    options[#options + 1] = ("ttl = %d, clock = %q, refresh = %q"):format(state.ttl.after, state.ttl.clock, state.ttl.refresh)
  end
  return ("%s = %s%s)"):format(state.name, call, #options > 0 and ", { " .. table.concat(options, ", ") .. " }" or "")
end

function states.find(list, name)
  for _, state in ipairs(list) do if state.name == name then return state end end
end

function states.draw_change(random, list, x)
  local state = random:pick(list)
  return KINDS[state.kind].change(random, state, x)
end

function states.is_statement(s) return STATEMENTS[s[1]] ~= nil end

---Of a statement's arguments, the expressions.
function states.arguments(s) return { select(3, unpack(s)) } end

---name: of what is called, where it is not the state's place.
function states.statement_text(s, state, name)
  local rule, given = STATEMENTS[s[1]], {}
  name = name or place_of(state)
  for i, x in ipairs(states.arguments(s)) do given[i] = expr.text(x, "e") end
  if rule.twice then return rule[1]:format(name, name, unpack(given)) end
  if rule.list then return rule[1]:format(name, table.concat(given, ", ")) end
  return rule[1]:format(name, unpack(given))
end

function states.perform(call, s, state)
  local given = {}
  for i, x in ipairs(states.arguments(s)) do given[i] = expr.value(x, call.row) end
  STATEMENTS[s[1]][2](call, state, unpack(given))
end

---What a condition compares: text and value. Of maps and lists how many there are.
function states.measure_text(state)
  if KINDS[state.kind].size then return place_of(state) .. ":size()" end
  return ("(%s or 0)"):format(KINDS[state.kind].shown(state))
end

function states.measure(call, state)
  if KINDS[state.kind].size then return KINDS[state.kind].size(call, state) end
  return KINDS[state.kind].show(call, state) or 0
end

---Can it be compared with a number?
function states.is_measured(state) return state.type == "int" or KINDS[state.kind].size ~= nil end

function states.shown_text(state) return KINDS[state.kind].shown(state) end
function states.show(call, state) return KINDS[state.kind].show(call, state) end

function states.column(state)
  local column = KINDS[state.kind].column(state)
  column.name = "s_" .. state.name
  return column
end

return states
