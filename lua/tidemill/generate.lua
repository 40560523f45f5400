-- tm.generate { ... } and tm.gen.*: rows made up from a seed. The fields reach C as flat options "field.<i>.name",
-- "field.<i>.kind", ... (i from 0), which connectors/generator reads.
local check = require "tidemill.check"
local clock = require "tidemill.clock"
local fault = require "tidemill.fault"
local freeze = require "tidemill.freeze"
local order = require "tidemill.order"
local place = require "tidemill.place"
local schema = require "tidemill.schema"
local types = require "tidemill.types"

local generate = { gen = {} }
local gen = generate.gen

local function field(content) return freeze.object("generated field", content) end

local function unsigned(at, what, value) return check.integer(at, what, value, 0, 2 ^ 53) end

---tm.gen.uniform(1, 500, "decimal(10,2)"): evenly between two bounds, both included. The type is double when not given.
function gen.uniform(min, max, type_text, ...)
  local at, what = place.here(), "tm.gen.uniform"
  check.number(at, what .. ": min", min)
  check.number(at, what .. ": max", max)
  if select("#", ...) > 0 then fault.raise("ARGUMENT", at, what .. " takes min, max and a type") end
  if min > max then
    fault.raise("ARGUMENT", at,
      ("%s: min (%s) is greater than max (%s)"):format(what, check.show(min), check.show(max)))
  end
  local t = types.parse(type_text == nil and "double" or type_text, at, what)
  if t ~= "double" and t ~= "int" and t ~= "int64" and not types.decimal(t) then
    fault.raise("TYPE", at, ("%s: the type is double, int, int64 or decimal(p,s), given %s"):format(what, t))
  end
  if (t == "int" or t == "int64") and (min % 1 ~= 0 or max % 1 ~= 0) then
    fault.raise("ARGUMENT", at, ("%s: the bounds of %s are whole numbers"):format(what, t))
  end
  return field { kind = "uniform", type = t, min = min, max = max }
end

---tm.gen.choice { "FR", "DE", "US" }: one of a list, each as likely.
function gen.choice(choices, ...)
  local at, what = place.here(), "tm.gen.choice"
  if type(choices) ~= "table" or freeze.kind(choices) or #choices == 0 or select("#", ...) > 0 then
    check.wrong(at, what, "a list of texts, numbers or booleans", choices, 'for example tm.gen.choice { "FR", "DE" }')
  end
  local parts, kind, whole = {}, type(choices[1]), true
  for i, c in ipairs(choices) do
    if type(c) ~= kind or (kind ~= "string" and kind ~= "number" and kind ~= "boolean") then
      fault.raise("ARGUMENT", at,
        ("%s: choices are all texts, all numbers or all booleans; number %d is %s"):format(what, i,
        check.show(c)))
    end
    if kind == "string" and c:find("\31", 1, true) then
      fault.raise("ARGUMENT", at, ("%s: choice %d holds the character \\31"):format(what, i))
    end
    if kind == "number" then
      check.number(at, what, c)
      whole = whole and c % 1 == 0 and math.abs(c) <= 2 ^ 53
      parts[i] = ("%.17g"):format(c)
    else
      parts[i] = tostring(c)
    end
  end
  local t = kind == "string" and "string" or kind == "boolean" and "bool" or whole and "int" or "double"
  return field { kind = "choice", type = t, choices = table.concat(parts, "\31") }
end

---tm.gen.pattern("u######", { zipf = 0.9, distinct = 1000000 }): each # becomes a digit of a number below `distinct`.
function gen.pattern(text, options)
  local at, what = place.here(), "tm.gen.pattern"
  check.string(at, what .. ": the pattern", text)
  local values = check.options(at, what, options, {
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
  return field { kind = "pattern", type = "string", pattern = text, zipf = values.zipf, distinct = values.distinct }
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
  local values = check.options(at, what, options, {
    step = function(a, w, v) return check.duration(a, w, v, 0) end,
    disorder = function(a, w, v) return check.duration(a, w, v, 0) end,
    late_share = function(a, w, v)
      check.number(a, w, v)
      if v < 0 or v > 1 then check.wrong(a, w, "a share from 0 to 1", v) end
      return v
    end,
    start = instant,
  })
  return field { kind = "timestamp", type = "timestamp", step = values.step or 1, disorder = values.disorder or 0,
    late_share = values.late_share, start = values.start }
end

---tm.gen.sequence { start = 0, step = 1 }: a number that grows with the row.
function gen.sequence(options)
  local at, what = place.here(), "tm.gen.sequence"
  local function whole(a, w, v) return check.integer(a, w, v, -2 ^ 53, 2 ^ 53) end
  local values = check.options(at, what, options, { start = whole, step = whole })
  return field { kind = "sequence", type = "int", start = values.start or 0, step = values.step or 1 }
end

local PARTS = { "choices", "disorder", "distinct", "kind", "late_share", "max", "min", "pattern", "start", "step", "type", "zipf" }

---The `fields` option: gives the schema and the flat options.
---@return table schema
---@return table[] options { name, value }
function generate.fields(call, what, given)
  if type(given) ~= "table" or freeze.kind(given) or next(given) == nil then
    check.wrong(call.at, what .. ": fields", "a table of fields", given,
      'for example fields = { user_id = tm.gen.pattern("u####"), amount = tm.gen.uniform(1, 500) }')
  end
  for k, v in pairs(given) do
    if type(k) ~= "string" then
      check.wrong(call.at, what .. ": fields", "a name for every field", k)
    end
    if not freeze.content(v, "generated field") then
      check.wrong(call.at, ('%s: field "%s"'):format(what, check.name(call.at, what .. ": the name of a field", k)),
        "one of tm.gen.uniform, choice, pattern, timestamp, sequence", v)
    end
  end
  local columns, options = {}, {}
  for i, name in ipairs(order.keys(given, call.file, call.line)) do
    if name:sub(1, 1) == "$" then
      fault.raise("SCHEMA", call.at, ('%s: field "%s": names that begin with $ are the engine\'s'):format(what, name))
    end
    local f = freeze.content(given[name], "generated field")
    columns[i] = { name = name, type = f.type, required = true }
    local prefix = ("field.%d."):format(i - 1)
    options[#options + 1] = { name = prefix .. "name", value = name }
    for _, part in ipairs(PARTS) do
      if f[part] ~= nil then options[#options + 1] = { name = prefix .. part, value = f[part] } end
    end
  end
  return schema.make(columns), options
end

generate.unsigned = unsigned
return generate
