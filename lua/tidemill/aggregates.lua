-- tm.count, tm.sum, tm.quantile, ...: what is computed in each window, and over which types. An aggregate is
-- { verb, kind, field, by, q, limit }: `verb` is what the user called, `kind` the engine's (enum tm_aggregate_kind).
local check = require "tidemill.check"
local fault = require "tidemill.fault"
local freeze = require "tidemill.freeze"
local place = require "tidemill.place"
local type_text = require "tidemill.type_text"
local types = require "tidemill.types"

-- `tm`: what `require "tidemill"` has of this file. OTHERS: what people of other tools type first.
local aggregates = { tm = {} }
local tm = aggregates.tm

local function object(content) return freeze.object("aggregate", content) end

---tm.count()
function tm.count(...)
  if select("#", ...) > 0 then
    fault.raise("ARGUMENT", place.here(),
      ("tm.count counts rows and takes nothing, given %s"):format(check.show((...))),
      type((...)) == "string" and ('distinct values of a field: tm.count_distinct("%s"); rows that have a property: '
      .. ":filter before the window"):format((...)) or "to count rows that have a property, :filter before the window")
  end
  return object { verb = "count", kind = "count" }
end

local function field_of(at, verb, field, example)
  if type(field) ~= "string" or field == "" then
    check.wrong(at, ("tm.%s: the field"):format(verb), "the name of a field", field, "for example " .. example)
  end
  return field
end

local function no_more(at, verb, takes, ...)
  if select("#", ...) > 0 then fault.raise("ARGUMENT", at, ("tm.%s takes %s"):format(verb, takes)) end
end

-- tm.sum("amount") and the like.
for _, kind in ipairs { "sum", "avg", "min", "max", "first", "last" } do
  tm[kind] = function(field, ...)
    local at = place.here()
    field_of(at, kind, field, ('tm.%s("amount")'):format(kind))
    no_more(at, kind, "the name of one field", ...)
    return object { verb = kind, kind = kind, field = field }
  end
end

---tm.count_distinct("country"), tm.count_distinct("user_id", { approximate = true })
function tm.count_distinct(field, options, ...)
  local at = place.here()
  field_of(at, "count_distinct", field, 'tm.count_distinct("country")')
  no_more(at, "count_distinct", "the name of one field and options", ...)
  local values = check.options(at, "tm.count_distinct", options, { approximate = check.boolean })
  return object { verb = "count_distinct", kind = values.approximate and "approximate_distinct" or "count_distinct",
    field = field }
end

---tm.quantile("latency", 0.99)
function tm.quantile(field, q, ...)
  local at = place.here()
  field_of(at, "quantile", field, 'tm.quantile("latency", 0.99)')
  no_more(at, "quantile", "the name of one field and a number", ...)
  if type(q) ~= "number" or not (q >= 0 and q <= 1) then
    check.wrong(at, ('tm.quantile("%s"): which one'):format(field), "a number from 0 to 1", q,
      type(q) == "number" and q > 1 and q <= 100 and ("of a hundred, %g is %g of one"):format(q, q / 100)
      or "0.5 is the median, 0.99 what one row in a hundred exceeds")
  end
  return object { verb = "quantile", kind = "quantile", field = field, q = q }
end

---tm.median("latency")
function tm.median(field, ...)
  local at = place.here()
  field_of(at, "median", field, 'tm.median("latency")')
  no_more(at, "median", "the name of one field", ...)
  return object { verb = "median", kind = "quantile", field = field, q = 0.5 }
end

-- tm.stddev("amount"), tm.variance("amount", { population = true })
for _, verb in ipairs { "stddev", "variance" } do
  tm[verb] = function(field, options, ...)
    local at = place.here()
    field_of(at, verb, field, ('tm.%s("amount")'):format(verb))
    no_more(at, verb, "the name of one field and options", ...)
    local values = check.options(at, "tm." .. verb, options, { population = check.boolean })
    return object { verb = verb, kind = values.population and verb .. "_population" or verb, field = field }
  end
end

-- tm.max_by("item", "price"): the item of the row with the highest price.
for _, verb in ipairs { "min_by", "max_by" } do
  tm[verb] = function(field, by, ...)
    local at = place.here()
    local example = ('tm.%s("item", "price"): the item of the row with the %s price'):format(verb,
      verb == "min_by" and "lowest" or "highest")
    field_of(at, verb, field, example)
    if type(by) ~= "string" or by == "" then
      check.wrong(at, ('tm.%s("%s"): the field that is compared'):format(verb, field), "the name of a field", by,
        "for example " .. example)
    end
    no_more(at, verb, "the names of two fields", ...)
    return object { verb = verb, kind = verb, field = field, by = by }
  end
end

aggregates.LIST_MAX = 4000000 -- TM_LIST_VALUES_MAX of core/base/limits.h

local function of_state(_, _, v) return v end

---The options of tm.list(field, { limit = 100 }); nil where there are none: it may be the type of a list. Those of a state never
---come here (states.is_ttl), but are named in messages.
function aggregates.list_options(at, field, options)
  if options == nil then return nil end
  local values = check.options(at, "tm.list", options, {
    limit = function(a, what, v) return check.integer(a, what, v, 1, aggregates.LIST_MAX) end,
    ttl = of_state, clock = of_state, refresh = of_state,
  })
  return field_of(at, "list", field, 'tm.list("item", { limit = 100 })') and values
end

---What a user gave as an aggregate: its content, or nil. tm.list is the type of a list too, and is told apart here.
function aggregates.of(given)
  local list = freeze.content(given, "list")
  if not list then return freeze.content(given, "aggregate") end
  if type(list.given) ~= "string" then return nil end
  return { verb = "list", kind = "list", field = list.given, limit = list.options and list.options.limit }
end

aggregates.OTHERS = {
  percentile = "quantile", percentile_cont = "quantile", percentile_disc = "quantile", approx_percentile = "quantile",
  distinct_count = "count_distinct", approx_count_distinct = "count_distinct", nunique = "count_distinct", uniq = "count_distinct",
  std = "stddev", stdev = "stddev", sd = "stddev", stddev_samp = "stddev", stddev_pop = "stddev", var = "variance",
  var_samp = "variance", var_pop = "variance", mean = "avg", average = "avg", total = "sum",
  collect = "list", array_agg = "list", group_array = "list", collect_list = "list",
  arg_min = "min_by", argmin = "min_by", arg_max = "max_by", argmax = "max_by",
}

---As the user wrote it, for messages: `tm.max_by("item", "price")`.
function aggregates.show(a)
  local rest = a.by and (', "%s"'):format(a.by) or a.verb == "quantile" and (", %g"):format(a.q)
    or a.limit and (", { limit = %d }"):format(a.limit) or ""
  return a.field and ('tm.%s("%s"%s)'):format(a.verb, a.field, rest) or ("tm.%s()"):format(a.verb)
end

-- --- types -----------------------------------------------------------------------------------------------------------

local SUMMED = { int = "int", int64 = "int64", double = "double" }
local ORDERED = { int = true, int64 = true, double = true, string = true, bytes = true, timestamp = true }

local NUMBERS = "int, int64, double or decimal"
local VALUES = "numbers, decimals, strings, bytes or timestamps"

local function is_number(t) return SUMMED[t] ~= nil or types.decimal(t) ~= nil end
local function is_ordered(t) return ORDERED[t] ~= nil or types.decimal(t) ~= nil end
local function any() return true end
local function to_int() return "int" end
local function to_double() return "double" end
local function same(t) return t end

-- What an aggregate takes, and what it gives. `fixed`: whatever it takes.
local COUNTED = { takes = function(t) return t == "bool" or is_ordered(t) end, says = "bool, " .. VALUES, gives = to_int, fixed = true }
local SPREAD = { takes = is_number, says = NUMBERS, gives = to_double, fixed = true }
local EXTREME = { takes = is_ordered, says = VALUES, gives = same }
local END = { takes = any, says = "every type", gives = same }
local RULES = {
  list = { takes = any, says = "every type" },
  sum = { takes = is_number, says = NUMBERS, gives = function(t)
    local _, s = types.decimal(t)
    return s and ("decimal(38,%d)"):format(s) or SUMMED[t]
  end },
  avg = { takes = is_number, says = NUMBERS, gives = function(t)
    local _, s = types.decimal(t)
    return s and ("decimal(38,%d)"):format(math.max(s, 6)) or "double"
  end },
  min = EXTREME, max = EXTREME, first = END, last = END, min_by = END, max_by = END,
  count_distinct = COUNTED, approximate_distinct = COUNTED,
  quantile = SPREAD, stddev = SPREAD, stddev_population = SPREAD, variance = SPREAD, variance_population = SPREAD,
}

local function wrong_type(node, a, field, rule, role)
  local t, hint = field.type, nil
  if t == "string" and rule.says == NUMBERS then
    hint = ('make it a number first: :assign { %s = function(e) return tonumber(e.%s) end }'):format(field.name, field.name)
  elseif t == "timestamp" and rule.says == NUMBERS then
    hint = ("a time is counted from 1970, so that is no use of it; take a time between two: "
      .. ":assign { waited = function(e) return e.%s - e.began end }"):format(field.name)
  end
  local shown = node.kind == "rolling" and node.verb ~= "aggregate" and aggregates.show(a):sub(4) or aggregates.show(a)
  fault.raise("TYPE", node.where, ("%s: %s is %s; %s%s takes %s"):format(shown, role or "the field", t, a.verb,
    role and " compares and" or "", rule.says), hint)
end

---A fault where rows cannot be ordered by this field of a node's input.
function aggregates.check_order(node, name)
  local field = node.input.fields[node.input.by_name[name]]
  if field.type ~= types.UNKNOWN and not is_ordered(field.type) then
    fault.raise("TYPE", node.where, ('%s: rows are ordered by "%s", which is %s; they can be by %s'):format(node.verb, name,
      field.type, VALUES))
  end
end

-- A list of structs with the columns of the rows: what the engine keeps for functions of windows.
local function rows_type(input)
  local of = {}
  for _, f in ipairs(input.fields) do
    if not f.hidden then
      if f.type == types.UNKNOWN then return types.UNKNOWN end
      of[#of + 1] = { name = f.name, type = type_text.tree(f.type), required = f.required }
    end
  end
  return type_text.make("list", { { name = "item", type = type_text.make("struct", of), required = false } }).text
end

---The type of an aggregate's result over the rows of `node.input`; a fault where it does not take its field's.
---@param node table a rolling or window node
---@param a table { verb, kind, field, by }
function aggregates.type(node, a)
  if a.kind == "count" then return "int" end
  if a.kind == "rows" then return rows_type(node.input) end
  local input, rule = node.input, RULES[a.kind]
  local field = input.fields[input.by_name[a.field]]
  if a.by then
    local by = input.fields[input.by_name[a.by]]
    if by.type ~= types.UNKNOWN and not is_ordered(by.type) then
      wrong_type(node, a, by, EXTREME, ('"%s"'):format(a.by))
    end
  end
  if field.type == types.UNKNOWN then return rule.fixed and rule.gives() or types.UNKNOWN end
  if not rule.takes(field.type) then wrong_type(node, a, field, rule) end
  if a.kind == "list" then return types.parse(("list(%s)"):format(field.type), node.where, aggregates.show(a)) end
  return rule.gives(field.type)
end

return aggregates
