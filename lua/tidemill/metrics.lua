-- tm.counter, tm.gauge, tm.histogram: figures that user functions keep, per operator and subtask. An object belongs to a
-- lua_State, in which subtasks of many operators run in turns; so its methods write through a cursor that stands at the slots of
-- the operator that runs (core/vm/chain.ffi.h): a load, an addition and a store a row, no call into C. Who runs is said by what
-- calls user functions: `metrics.bind` for compiled loops, `metrics.enter` elsewhere.
local check = require "tidemill.check"
local fault = require "tidemill.fault"
local freeze = require "tidemill.freeze"
local place = require "tidemill.place"

local metrics = {}

local METRICS_MAX = 256 -- core/base/limits.h: TM_USER_METRICS_MAX
local ENGINE = debug.getinfo(1, "S").source:match("^(.*)tidemill[/.]metrics") -- how the names of our chunks begin

-- The functions of C; specs put their own here.
metrics.C = nil

-- Loaded late: the builder needs no types of C.
local ffi, problem
local cursor, bits, none

local function load_types()
  if cursor then return end
  ffi, problem = require "ffi.init", require "codegen.problem"
  -- At most 16 bytes each: the trace compiler then takes their addresses for constants.
  cursor = ffi.new("struct { struct tm_metric_slot *slots; }")
  bits = ffi.new("union { double number; uint32_t words[2]; }")
  none = ffi.cast("struct tm_metric_slot *", 0)
end

-- --- cold paths
-- ---------------------------------------------------------------------------------------------------------------

local context -- of the chain that runs, for what has to be allocated

local function misuse(metric, method, self, value)
  local example = method == "inc" and ":inc()" or (":%s(1)"):format(method)
  if not rawequal(self, metric.object) then
    problem.raise("USER_CODE", ('%s %q: %s is called on %s'):format(metric.kind, metric.name, method, problem.show(self)),
      "with a colon: name" .. example)
  end
  if cursor.slots == none then
    fault.raise("ARGUMENT", place.here(), ('%s %q: %s is called while the script builds the job'):format(metric.kind, metric.name, method),
      "metrics count what functions do with rows: use it inside of a function of map, filter, ...")
  end
  if method == "inc" then
    problem.raise("USER_CODE", ('counter %q: inc counts one and takes nothing, given %s'):format(metric.name,
      problem.show_typed(value)), "name:add(n) counts n")
  end
  local hint
  if type(value) == "cdata" then hint = "value:tonumber()"
  elseif value == nil then hint = "a null has no value: if value then ... end"
  elseif metric.kind == "counter" and type(value) == "number" then hint = "a figure that can go down is a gauge: tm.gauge" end
  local needed = metric.kind == "counter" and "a number that is not negative" or metric.kind == "gauge" and "a finite number"
    or "a number from 0 to 2^53"
  problem.raise("USER_CODE", ('%s %q: %s needs %s, given %s'):format(metric.kind, metric.name, method, needed,
    problem.show_typed(value)), hint)
end

local function buckets(slot)
  local rc = (metrics.C or ffi.C).tm_chain_buckets(context, slot)
  if rc ~= 0 then error("not enough memory", 0) end
end

-- --- methods: one text for each metric, so that all that it captures is constant in a trace
-- ---------------------------------------------------------------------------------------------------------------

local METHODS = {
  counter = [[
local cursor, self_, none, misuse, metric, INDEX, type = ...
return {
  inc = function(self, n)
    local slots = cursor.slots
    if not rawequal(self, self_) or n ~= nil or slots == none then misuse(metric, "inc", self, n) end
    local slot = slots[INDEX]
    slot.value = slot.value + 1
  end,
  add = function(self, n)
    local slots = cursor.slots
    if not rawequal(self, self_) or slots == none or type(n) ~= "number" or not (n >= 0 and n < 1 / 0) then
      misuse(metric, "add", self, n)
    end
    local slot = slots[INDEX]
    slot.value = slot.value + n
  end,
}]],
  gauge = [[
local cursor, self_, none, misuse, metric, INDEX, type = ...
return {
  set = function(self, n)
    local slots = cursor.slots
    if not rawequal(self, self_) or slots == none or type(n) ~= "number" or n - n ~= 0 then misuse(metric, "set", self, n) end
    local slot = slots[INDEX]
    slot.value = n
    slot.is_set = 1
  end,
  add = function(self, n)
    local slots = cursor.slots
    if not rawequal(self, self_) or slots == none or type(n) ~= "number" or n - n ~= 0 then misuse(metric, "add", self, n) end
    local slot = slots[INDEX]
    slot.value = slot.value + n
    slot.is_set = 1
  end,
}]],
  -- Buckets as core/base/histogram.c has them: below 32 one a number, above 32 to each power of two; a double's exponent and its
  -- first five digits are the bucket.
  histogram = [[
local cursor, self_, none, misuse, metric, INDEX, type, bits, floor, band, rshift, buckets = ...
return {
  observe = function(self, n)
    local slots = cursor.slots
    if not rawequal(self, self_) or slots == none or type(n) ~= "number" or not (n >= 0 and n <= 2 ^ 53) then
      misuse(metric, "observe", self, n)
    end
    local slot = slots[INDEX]
    if slot.is_set == 0 then buckets(slot) end
    local whole, bucket = floor(n + 0.5), nil
    if whole < 32 then
      bucket = whole
    else
      bits.number = whole
      local high = bits.words[1]
      bucket = (rshift(high, 20) - 1027) * 32 + band(rshift(high, 15), 31)
    end
    slot.buckets[bucket] = slot.buckets[bucket] + 1
    slot.sum = slot.sum + n
    if whole > slot.value then slot.value = whole end
  end,
}]],
}

local is_method = setmetatable({}, { __mode = "k" })

local function methods_of(metric, index)
  load_types()
  local text = "local rawequal = rawequal\n" .. METHODS[metric.kind]
  local main = assert(loadstring(text, ENGINE .. "tidemill/metrics/" .. metric.kind))
  local methods = main(cursor, metric.object, none, misuse, metric, index, type, bits, math.floor, bit.band, bit.rshift, buckets)
  local known, values = require "codegen.known", require "codegen.values"
  for _, fn in pairs(methods) do known.results[fn], is_method[fn] = values.NIL, true end
  return methods
end

-- --- declaring
-- ---------------------------------------------------------------------------------------------------------------

local function declare(session, kind, call, name, options)
  local what = "tm." .. kind
  check.name(call.at, what .. ": the name", name)
  if not name:find("^[%a_][%w_]*$") then
    check.wrong(call.at, what .. ": the name", "letters, digits and _, a letter first", name, "for example rejected_orders")
  end
  local given = check.options(call.at, what, options, { unit = check.string, description = check.string })
  local list = session.metrics
  local there = list[name]
  if there then
    if there.kind == kind and (options == nil or there.unit == given.unit and there.description == given.description) then
      return there.object -- several modules may count the same
    end
    fault.raise("DUPLICATE_NAME", call.at, ("%s: there is a %s %q at %s"):format(what, there.kind, name, there.where))
  end
  if #list >= METRICS_MAX then
    fault.raise("LIMIT", call.at, ("%s: %q is one more than the %d metrics that a job may have"):format(what, name, METRICS_MAX),
      "a metric is no place for values of records: count by key with key_by and count()")
  end
  local metric = { name = name, kind = kind, unit = given.unit, description = given.description, where = call.at }
  local methods = {}
  metric.object = freeze.object(kind, metric, methods)
  for method, fn in pairs(methods_of(metric, #list)) do methods[method] = fn end
  setmetatable(methods, { __index = function(_, key)
    local names = require("tidemill.suggest").keys(methods)
    fault.raise("UNKNOWN_NAME", place.here(), ("a %s has no %s; it has %s"):format(kind, check.show(key), table.concat(names, ", ")),
      type(key) == "string" and require("tidemill.suggest").hint(key, names) or nil)
  end })
  list[#list + 1], list[name] = metric, metric
  return metric.object
end

---The constructors of a session.
---@param session table its `metrics`: the declared ones in order, and by name
---@param caller fun(): table
---@param no_more fun(call: table, what: string, given: integer, most: integer)
function metrics.constructors(session, caller, no_more)
  local constructors = {}
  for kind in pairs(METHODS) do
    constructors[kind] = function(name, options, ...)
      local call = caller()
      no_more(call, "tm." .. kind, 2 + select("#", ...), 2)
      return declare(session, kind, call, name, options)
    end
  end
  return constructors
end

-- --- who runs
-- ---------------------------------------------------------------------------------------------------------------

-- Can this function come to a metric, by what it captures or by its globals?
local function reaches(value, seen)
  local kind = freeze.kind(value)
  if kind then return METHODS[kind] ~= nil end
  if type(value) == "function" then
    if is_method[value] then return true end
    if seen[value] or problem.is_engine(debug.getinfo(value, "S").source) then return false end
    seen[value] = true
    for i = 1, 255 do
      local name, captured = debug.getupvalue(value, i)
      if not name then break end
      if reaches(captured, seen) then return true end
    end
    return reaches(getfenv(value), seen)
  elseif type(value) == "table" and value ~= _G and not seen[value] then
    seen[value] = true
    for _, v in next, value do if reaches(v, seen) then return true end end
  end
  return false
end

---Does a function of this node use metrics?
function metrics.uses(node)
  if not cursor then return false end -- the script has declared none
  if node.uses_metrics == nil then
    local seen, found = {}, false
    for _, fn in ipairs { node.fn or false, node.open or false, node.close or false } do found = found or reaches(fn, seen) end
    for _, a in ipairs(node.assigns or {}) do found = found or reaches(a.fn, seen) end
    node.uses_metrics = found
  end
  return node.uses_metrics
end

---The slots of node `k` of a chain are those that metrics write to.
---@param ctx ffi.cdata* struct tm_chain_ctx *
---@param k integer from 1
function metrics.enter(ctx, k)
  if not cursor or ctx.slots_of == nil then return end
  context, cursor.slots = ctx, ctx.slots_of[k - 1]
end

---No chain runs.
function metrics.leave()
  if cursor then context, cursor.slots = nil, none end
end

local function none_again() end

local BOUND = [[
local cursor, slots, fn = ...
return function(a, b, c)
  cursor.slots = slots
  local x = fn(a, b, c) -- a tail call would take a trace too many
  return x
end, function() cursor.slots = slots end
]]

---The function as a compiled loop calls it: it writes to the slots of its operator; and what makes those current again, behind
---operators that ran inside of it.
---@return function fn, function again
function metrics.bind(ctx, k, node, fn)
  if not fn or not cursor or ctx.slots_of == nil or not metrics.uses(node) then return fn, none_again end
  return assert(loadstring(BOUND, ENGINE .. "tidemill/metrics/bound"))(cursor, ctx.slots_of[k - 1], fn)
end

return metrics
