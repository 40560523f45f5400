-- tm.generate { ... } and tm.gen.*: rows made up from a seed. The fields reach C as flat options "field.<i>.name",
-- "field.<i>.kind", ... (i from 0), which connectors/generator reads.
local check = require "tidemill.check"
local clock = require "tidemill.clock"
local fault = require "tidemill.fault"
local freeze = require "tidemill.freeze"
local order = require "tidemill.order"
local place = require "tidemill.place"
local schema = require "tidemill.schema"
local suggest = require "tidemill.suggest"
local types = require "tidemill.types"

local generate = { gen = {} }
local gen = generate.gen

local SEPARATOR = "\31" -- between the items of a list that goes to C as one text

local function field(content) return freeze.object("generated field", content) end

local function unsigned(at, what, value) return check.integer(at, what, value, 0, 2 ^ 53) end

local function share(at, what, v)
  check.number(at, what, v)
  if v < 0 or v > 1 then check.wrong(at, what, "a share from 0 to 1", v) end
  return v
end

-- Options of a kind, and `nulls`, which all have.
local function options_of(at, what, given, spec)
  spec.nulls = share
  return check.options(at, what, given, spec)
end

local NUMBERS = "double, int, int64 or decimal(p,s)"

local function number_type(at, what, text)
  local t = types.parse(text == nil and "double" or text, at, what)
  if t ~= "double" and t ~= "int" and t ~= "int64" and not types.decimal(t) then
    fault.raise("TYPE", at, ("%s: the type is %s, given %s"):format(what, NUMBERS, t))
  end
  return t
end

---tm.gen.uniform(1, 500, "decimal(10,2)"): evenly between two bounds, both included. The type is double when not given.
function gen.uniform(min, max, given, ...)
  local at, what = place.here(), "tm.gen.uniform"
  check.number(at, what .. ": min", min)
  check.number(at, what .. ": max", max)
  if select("#", ...) > 0 then fault.raise("ARGUMENT", at, what .. " takes min, max and a type") end
  if min > max then
    fault.raise("ARGUMENT", at,
      ("%s: min (%s) is greater than max (%s)"):format(what, check.show(min), check.show(max)))
  end
  if type(given) ~= "table" then given = { type = given } end
  local values = options_of(at, what, given, { type = function(_, _, v) return v end })
  local t = number_type(at, what, values.type)
  if (t == "int" or t == "int64") and (min % 1 ~= 0 or max % 1 ~= 0) then
    fault.raise("ARGUMENT", at, ("%s: the bounds of %s are whole numbers"):format(what, t))
  end
  return field { kind = "uniform", type = t, min = min, max = max, nulls = values.nulls }
end

---tm.gen.normal(100, 15, { min = 0, type = "decimal(10,2)" }): around a mean; what falls outside of min and max is put on them.
function gen.normal(mean, stddev, given, ...)
  local at, what = place.here(), "tm.gen.normal"
  check.number(at, what .. ": the mean", mean)
  check.number(at, what .. ": the standard deviation", stddev)
  if stddev < 0 then check.wrong(at, what .. ": the standard deviation", "0 or more", stddev) end
  if select("#", ...) > 0 then fault.raise("ARGUMENT", at, what .. " takes mean, stddev and options") end
  if type(given) == "string" then given = { type = given } end
  local values = options_of(at, what, given, { type = function(_, _, v) return v end, min = check.number, max = check.number })
  local t = number_type(at, what, values.type)
  local precision = types.decimal(t)
  if precision and precision > 15 then
    fault.raise("TYPE", at, ("%s: decimals of at most 15 digits, given %s"):format(what, t))
  end
  if values.min and values.max and values.min > values.max then
    fault.raise("ARGUMENT", at,
      ("%s: min (%s) is greater than max (%s)"):format(what, check.show(values.min), check.show(values.max)))
  end
  return field { kind = "normal", type = t, mean = mean, stddev = stddev, min = values.min, max = values.max,
    nulls = values.nulls }
end

---tm.gen.zipf { distinct = 1000, zipf = 1, start = 0 }: whole numbers from start on, each rarer than the one before.
function gen.zipf(options)
  local at, what = place.here(), "tm.gen.zipf"
  local values = options_of(at, what, options, {
    distinct = function(a, w, v) return check.integer(a, w, v, 1, 2 ^ 52) end,
    zipf = function(a, w, v)
      check.number(a, w, v)
      if v < 0 or v > 10 then check.wrong(a, w, "a number from 0 (even) to 10", v) end
      return v
    end,
    start = function(a, w, v) return check.integer(a, w, v, -2 ^ 52, 2 ^ 52) end,
  })
  if not values.distinct then
    fault.raise("ARGUMENT", at, what .. ": distinct is missing: how many values there are",
      "for example tm.gen.zipf { distinct = 1000 }")
  end
  return field { kind = "zipf", type = "int", distinct = values.distinct, zipf = values.zipf or 1, start = values.start or 0,
    nulls = values.nulls }
end

-- The texts of values that are all of one kind, the kind, and whether numbers are whole.
local function list_of(at, what, choices, noun)
  local parts, kind, whole = {}, type(choices[1]), true
  for i, c in ipairs(choices) do
    if type(c) ~= kind or (kind ~= "string" and kind ~= "number" and kind ~= "boolean") then
      fault.raise("ARGUMENT", at,
        ("%s: %ss are all texts, all numbers or all booleans; number %d is %s"):format(what, noun, i,
        check.show(c)))
    end
    if kind == "string" and c:find("[%z\31]") then
      fault.raise("ARGUMENT", at, ("%s: %s %d holds the character \\%d"):format(what, noun, i, c:match("[%z\31]"):byte()))
    end
    if kind == "number" then
      check.number(at, what, c)
      whole = whole and c % 1 == 0 and math.abs(c) <= 2 ^ 53
      parts[i] = ("%.17g"):format(c)
    else
      parts[i] = tostring(c)
    end
  end
  return table.concat(parts, SEPARATOR), kind == "string" and "string" or kind == "boolean" and "bool" or whole and "int"
    or "double"
end

local function one_type(_, what, v) return types.parse(v, place.here(), what) end

---tm.gen.choice({ "FR", "DE", "US" }, { weights = { 3, 1, 1 } }): one of a list, each as likely when there are no weights.
function gen.choice(choices, options, ...)
  local at, what = place.here(), "tm.gen.choice"
  if type(choices) ~= "table" or freeze.kind(choices) or #choices == 0 or select("#", ...) > 0 then
    check.wrong(at, what, "a list of texts, numbers or booleans", choices, 'for example tm.gen.choice { "FR", "DE" }')
  end
  for k in pairs(choices) do
    if type(k) ~= "number" then
      fault.raise("ARGUMENT", at, ("%s: the choices are a list, given also the key %s"):format(what, check.show(k)),
        "options come second: tm.gen.choice({ ... }, { weights = { ... } })")
    end
  end
  local texts, t = list_of(at, what, choices, "choice")
  local values = options_of(at, what, options, {
    type = one_type,
    weights = function(a, w, v)
      if type(v) ~= "table" or freeze.kind(v) or #v ~= #choices then
        check.wrong(a, w, ("a list of %d numbers, one for each choice"):format(#choices), v)
      end
      local sum, parts = 0, {}
      for i, weight in ipairs(v) do
        check.number(a, w, weight)
        if weight < 0 or weight > 1e15 then check.wrong(a, w, "numbers from 0 to 1e15", weight) end
        sum, parts[i] = sum + weight, ("%.17g"):format(weight)
      end
      if sum == 0 then fault.raise("ARGUMENT", a, w .. ": all are 0") end
      return table.concat(parts, SEPARATOR)
    end,
  })
  return field { kind = "choice", type = values.type or t, choices = texts, weights = values.weights, nulls = values.nulls }
end

---tm.gen.constant("1.50", { type = "decimal(10,2)" }): always the same value.
function gen.constant(value, options)
  local at, what = place.here(), "tm.gen.constant"
  if type(value) ~= "string" and type(value) ~= "number" and type(value) ~= "boolean" then
    check.wrong(at, what, "a text, a number or a boolean", value)
  end
  local text, t = list_of(at, what, { value }, "value")
  local values = options_of(at, what, options, { type = one_type })
  return field { kind = "choice", type = values.type or t, choices = text, nulls = values.nulls }
end

---tm.gen.bool { share = 0.1 }: true in this share of the rows, half of them when not given.
function gen.bool(options)
  local values = options_of(place.here(), "tm.gen.bool", options, { share = share })
  local yes = values.share or 0.5
  return field { kind = "choice", type = "bool", choices = "true" .. SEPARATOR .. "false", nulls = values.nulls,
    weights = ("%.17g%s%.17g"):format(yes, SEPARATOR, 1 - yes) }
end

---tm.gen.uuid(): texts in the form of random UUIDs.
function gen.uuid(options)
  local values = options_of(place.here(), "tm.gen.uuid", options, {})
  return field { kind = "uuid", type = "string", nulls = values.nulls }
end

local STRING_MAX = 4096 -- connectors/generator/field.h

---tm.gen.string { length = 8 } or { length = { 3, 12 }, alphabet = "abc" }: texts of random characters.
function gen.string(options)
  local at, what = place.here(), "tm.gen.string"
  local values = options_of(at, what, options, {
    length = function(a, w, v)
      local range = type(v) == "table" and not freeze.kind(v) and v or { v, v }
      for i = 1, 2 do
        if type(range[i]) ~= "number" or #range ~= 2 then
          check.wrong(a, w, "a number of characters, or two: { from, to }", v)
        end
        check.integer(a, w, range[i], 0, STRING_MAX)
      end
      if range[1] > range[2] then check.wrong(a, w, "the smaller length first", ("{ %s, %s }"):format(range[1], range[2])) end
      return range
    end,
    alphabet = function(a, w, v)
      check.string(a, w, v)
      if #v > 255 or v:find("[%z\128-\255]") then check.wrong(a, w, "1 to 255 ASCII characters", v) end
      return v
    end,
  })
  local range = values.length or { 16, 16 }
  return field { kind = "string", type = "string", length = range[1], length_max = range[2], alphabet = values.alphabet,
    nulls = values.nulls }
end

---tm.gen.pattern("u######", { zipf = 0.9, distinct = 1000000 }): each # becomes a digit of a number below `distinct`.
function gen.pattern(text, options)
  local at, what = place.here(), "tm.gen.pattern"
  check.string(at, what .. ": the pattern", text)
  local values = options_of(at, what, options, {
    zipf = function(a, w, v)
      check.number(a, w, v)
      if v < 0 or v >= 10 then check.wrong(a, w, "a number from 0 (even) to below 10", v) end
      return v
    end,
    distinct = function(a, w, v) return check.integer(a, w, v, 1, 2 ^ 53) end,
  })
  local digits = select(2, text:gsub("#", ""))
  if digits == 0 then
    fault.raise("ARGUMENT", at, ("%s: %s has no #, the place of a digit"):format(what, check.show(text)),
      'for example "u######"; for a constant tm.gen.choice { "..." }')
  end
  if values.distinct and digits < 16 and values.distinct > 10 ^ digits then
    fault.raise("ARGUMENT", at,
      ("%s: %d digits cannot make %.0f distinct values"):format(what, digits, values.distinct),
      ("write %d times #"):format(#("%.0f"):format(values.distinct - 1)))
  end
  return field { kind = "pattern", type = "string", pattern = text, zipf = values.zipf, distinct = values.distinct,
    nulls = values.nulls }
end

local function instant(at, what, value)
  if type(value) == "string" then
    local y, mo, d, rest = value:match("^(%d%d%d%d)%-(%d%d)%-(%d%d)(.*)$")
    local h, mi, s = 0, 0, 0
    if y and rest ~= "" then h, mi, s = rest:match("^[T ](%d%d):(%d%d):(%d%d)Z?$") end
    if y and h then
      local seconds = clock.time { year = y, month = tonumber(mo), day = tonumber(d), hour = h, min = mi, sec = s }
      -- what the calendar does not have would be counted on: the 30th of February, 25 hours
      if clock.date("%Y-%m-%d %H:%M:%S", seconds) == ("%s-%s-%s %02d:%02d:%02d"):format(y, mo, d, h, mi, s) then
        return seconds * 1000
      end
    end
  elseif type(value) == "number" and value % 1 == 0 and math.abs(value) <= 2 ^ 53 then
    return value
  end
  check.wrong(at, what, 'a time ("2026-01-01T00:00:00Z", or ms since 1970)', value)
end

---tm.gen.timestamp { step = "1ms", disorder = "2s", late_share = 0.25, start = "2026-01-01" }: row i is at
---start + i * step; a share of the rows is set back, by up to `disorder`.
function gen.timestamp(options)
  local at, what = place.here(), "tm.gen.timestamp"
  local values = options_of(at, what, options, {
    step = function(a, w, v) return check.duration(a, w, v, 0) end,
    disorder = function(a, w, v) return check.duration(a, w, v, 0) end,
    late_share = share,
    start = instant,
  })
  return field { kind = "timestamp", type = "timestamp", step = values.step or 1, disorder = values.disorder or 0,
    late_share = values.late_share, start = values.start, nulls = values.nulls }
end

---tm.gen.sequence { start = 0, step = 1, last = 99 }: a number that grows with the row; the input ends behind `last`.
function gen.sequence(options)
  local at, what = place.here(), "tm.gen.sequence"
  local function whole(a, w, v) return check.integer(a, w, v, -2 ^ 53, 2 ^ 53) end
  local values = options_of(at, what, options, { start = whole, step = whole, last = whole, type = one_type })
  local start, step, last = values.start or 0, values.step or 1, values.last
  if last and (step == 0 or (step > 0 and last < start) or (step < 0 and last > start)) then
    fault.raise("ARGUMENT", at, ("%s: steps of %d from %d never reach %d"):format(what, step, start, last))
  end
  local t = values.type or "int"
  if t ~= "int" and t ~= "int64" then
    fault.raise("TYPE", at, ("%s: the type is int or int64, given %s"):format(what, t))
  end
  return field { kind = "sequence", type = t, start = start, step = step, last = last, nulls = values.nulls }
end

local PARTS = { "alphabet", "choices", "disorder", "distinct", "kind", "last", "late_share", "length", "length_max", "max", "mean",
  "min", "nulls", "pattern", "start", "stddev", "step", "type", "weights", "zipf" }

local function flatten(options, index, name, f)
  local prefix = ("field.%d."):format(index)
  options[#options + 1] = { name = prefix .. "name", value = name }
  for _, part in ipairs(PARTS) do
    if f[part] ~= nil then options[#options + 1] = { name = prefix .. part, value = f[part] } end
  end
end

local ROW_NUMBER = { kind = "sequence", type = "int", start = 0, step = 1 }

-- Every row is one function's: the source only counts.
local function whole_row(fn)
  local options = {}
  flatten(options, 0, "i", ROW_NUMBER)
  return { columns = schema.make { { name = "i", type = "int", required = true } }, options = options,
    map = fn, number = "i" }
end

---The `fields` option: what a source node needs for it, and the functions among the fields.
---@return table { columns = schema, options = { { name, value } }, bounded = boolean, number = column of the row's number?,
--- assigns = { { name, fn } }?, map = function?, order = names? }
function generate.fields(call, what, given)
  if type(given) == "function" then return whole_row(given) end
  if type(given) ~= "table" or freeze.kind(given) or next(given) == nil then
    check.wrong(call.at, what .. ": fields", "a table of fields, or a function that makes rows", given,
      'for example fields = { user_id = tm.gen.pattern("u####"), amount = tm.gen.uniform(1, 500) }')
  end
  for k, v in pairs(given) do
    if type(k) ~= "string" then
      check.wrong(call.at, what .. ": fields", "a name for every field", k)
    end
    if not freeze.content(v, "generated field") and type(v) ~= "function" then
      check.wrong(call.at, ('%s: field "%s"'):format(what, check.name(call.at, what .. ": the name of a field", k)),
        "one of tm.gen." .. suggest.list(suggest.keys(gen)) .. ", or a function(i, random)", v)
    end
  end
  local result = { options = {}, order = order.keys(given, call.file, call.line), assigns = {} }
  local columns = {}
  for _, name in ipairs(result.order) do
    check.name(call.at, what .. ": the name of a field", name)
    if name:sub(1, 1) == "$" then
      fault.raise("SCHEMA", call.at, ('%s: field "%s": names that begin with $ are the engine\'s'):format(what, name))
    end
    local f = freeze.content(given[name], "generated field")
    if f then
      columns[#columns + 1] = { name = name, type = f.type, required = not f.nulls or f.nulls == 0 }
      flatten(result.options, #columns - 1, name, f)
      result.bounded = result.bounded or f.last ~= nil
    else
      result.assigns[#result.assigns + 1] = { name = name, fn = given[name] }
    end
  end
  if result.assigns[1] then
    result.number = "$i"
    columns[#columns + 1] = { name = result.number, type = "int", required = true, hidden = true }
    flatten(result.options, #columns - 1, result.number, ROW_NUMBER)
  end
  result.columns = schema.make(columns)
  return result
end

generate.unsigned = unsigned
return generate
