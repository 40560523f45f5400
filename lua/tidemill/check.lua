-- Checks of what a job script gives to the builders. Each takes the place of the caller (`at`) and what is being built
-- (`what`), and gives back the value in the engine's form or raises a fault that says what was given and what is
-- allowed.
local fault = require "tidemill.fault"
local freeze = require "tidemill.freeze"
local null = require "tidemill.null"
local suggest = require "tidemill.suggest"
local utf8 = require "tidemill.utf8"

local check = {}

---A value for a message: `"text"`, `12`, `nil`, `a stream`, `a table`.
function check.show(value)
  local t = type(value)
  if t == "string" then
    if #value > 60 then value = value:sub(1, 57) .. "..." end
    return ('"%s"'):format((value:gsub("[%c]", "?")))
  end
  if t == "number" or t == "boolean" or t == "nil" then return tostring(value) end
  if value == null then return "tm.null" end
  local kind = t == "table" and freeze.kind(value)
  if kind and kind ~= "table" then return (kind:match("^[aeiou]") and "an " or "a ") .. kind end
  if t == "table" and not kind and next(value) == nil then return "an empty table" end
  return "a " .. t
end

local function wrong(at, what, needed, value, hint)
  fault.raise("ARGUMENT", at, ("%s: %s is needed, given %s"):format(what, needed, check.show(value)), hint)
end
check.wrong = wrong

function check.string(at, what, value)
  if type(value) ~= "string" or value == "" then wrong(at, what, "a text", value) end
  return value
end

---A name of an operator, job or column.
function check.name(at, what, value)
  check.string(at, what, value)
  if #value > 255 then
    fault.raise("ARGUMENT", at, ("%s: a name has at most 255 bytes, this one has %d"):format(what, #value))
  end
  if value:find("[%z\1-\31\127]") then
    fault.raise("ARGUMENT", at, ("%s: a name has no control characters"):format(what))
  end
  if not utf8.is_valid(value) then
    fault.raise("ARGUMENT", at, ("%s: a name is UTF-8, and this is not: %s"):format(what, utf8.scrub(check.show(value))))
  end
  return value
end

function check.func(at, what, value, hint)
  if type(value) ~= "function" then wrong(at, what, "a function", value, hint) end
  return value
end

function check.boolean(at, what, value)
  if type(value) ~= "boolean" then wrong(at, what, "true or false", value) end
  return value
end

function check.number(at, what, value)
  if type(value) ~= "number" or value ~= value or math.abs(value) == math.huge then
    wrong(at, what, "a number", value)
  end
  return value
end

---@param hint string? of what is right
function check.integer(at, what, value, low, high, hint)
  if type(value) ~= "number" or value ~= math.floor(value) or value < low or value > high then
    wrong(at, what, ("a whole number from %.0f to %.0f"):format(low, high), value, hint)
  end
  return value
end

-- The choice that alone begins with what was given, however short: "gzip" for "gz".
local function begun(value, choices)
  local found
  for _, c in ipairs(choices) do
    if c:sub(1, #value) == value:lower() then
      if found then return nil end
      found = c
    end
  end
  return value ~= "" and found or nil
end

---One of a few texts; `choices` is a list.
---@param what string of an option its name at the end: "tm.value: clock"
---@param hint string? where no choice is near to what was given; an example without it
function check.choice(at, what, value, choices, hint)
  for _, c in ipairs(choices) do if value == c then return value end end
  local quoted = {}
  for i, c in ipairs(choices) do quoted[i] = '"' .. c .. '"' end
  local meant = type(value) == "string" and (suggest.nearest(value, choices) or begun(value, choices))
  fault.raise("ARGUMENT", at, ("%s: one of %s is needed, given %s"):format(what, table.concat(quoted, ", "),
    check.show(value)), meant and ('did you mean "%s"?'):format(meant) or hint
    or what:match(": ([%a_]+)$") and ("for example %s = %q"):format(what:match("([%a_]+)$"), choices[1]) or nil)
end

-- How people write units in full, without the s of the plural.
local WORDS = {
  milli = "ms", millisecond = "ms", msec = "ms", sec = "s", second = "s", min = "m", minute = "m", hour = "h", hr = "h",
  day = "d",
}
local UNITS = { ms = 1, s = 1000, m = 60000, min = 60000, h = 3600000, d = 86400000 }

---A duration in whole ms, from "250ms", "5s", "10m", "1h", "1d" or a number of ms.
---@param low integer smallest allowed, ms
---@param hint string? of what is right
function check.duration(at, what, value, low, hint)
  local ms
  if type(value) == "number" then
    ms = value
  elseif type(value) == "string" then
    local number, unit = value:match("^(%-?%d+%.?%d*)%s*(%a*)$")
    if number and (UNITS[unit] or unit == "") then ms = tonumber(number) * (UNITS[unit] or 1) end
  end
  if not ms or ms ~= ms or ms ~= math.floor(ms) or math.abs(ms) > 2 ^ 53 then
    local number, word = tostring(value):match("^(%d+)%s*(%a+)$")
    local unit = word and WORDS[word:lower():gsub("s$", "")]
    wrong(at, what, 'a duration ("250ms", "5s", "10m", "1h", "1d", or whole milliseconds)', value,
      unit and ('did you mean "%s%s"?'):format(number, unit) or hint)
  end
  if ms < low then
    fault.raise("ARGUMENT", at, ("%s: must be %s, given %s"):format(what,
      low == 1 and "longer than nothing" or low == 0 and "0 or more" or ("at least %d ms"):format(low),
      check.show(value)), hint)
  end
  return ms
end

local WAIT_MAX = 366 * 24 * 3600 * 1000

---A duration for which the engine waits, as `check.duration` gives it: at most a year, so that its nanoseconds are a number too.
---@return integer ms
function check.wait(at, what, value, low, hint)
  local ms = check.duration(at, what, value, low, hint)
  if ms > WAIT_MAX then
    fault.raise("ARGUMENT", at, ('%s: at most "366d" is allowed, given %s'):format(what, check.show(value)), hint)
  end
  return ms
end

---A duration in ms as people write it: "90s", "-8h".
function check.show_duration(ms)
  for _, unit in ipairs { "d", "h", "m", "s" } do
    if ms ~= 0 and ms % UNITS[unit] == 0 then return ('"%.0f%s"'):format(ms / UNITS[unit], unit) end
  end
  return ('"%.0fms"'):format(ms)
end

local SIZES = { [""] = 1, B = 1, KB = 1024, MB = 1024 ^ 2, GB = 1024 ^ 3 }

---A size in bytes, from "64KB", "128MB", "1GB" (powers of 1024) or a number.
function check.size(at, what, value, low, high)
  local bytes
  if type(value) == "number" then
    bytes = value
  elseif type(value) == "string" then
    local number, unit = value:match("^(%d+)%s*(%a*)$")
    if number and SIZES[unit:upper()] then bytes = tonumber(number) * SIZES[unit:upper()] end
  end
  if not bytes or bytes ~= math.floor(bytes) then
    wrong(at, what, 'a size ("64KB", "128MB", "1GB", or bytes)', value)
  end
  if bytes < low or bytes > high then
    fault.raise("ARGUMENT", at, ("%s: from %.0f to %.0f bytes are allowed, given %s"):format(what, low, high,
      check.show(value)))
  end
  return bytes
end

---A table of options: every key must be in `spec` (name -> function(at, what, value)).
---@return table values checked; a fresh table
function check.options(at, what, options, spec)
  if options == nil then return {} end
  local names, values = suggest.keys(spec), {}
  if type(options) ~= "table" or freeze.kind(options) then
    wrong(at, what, "a table of options", options, #names > 0 and
      ("options stand in braces, { %s = ... }: %s"):format(names[1], suggest.list(names)) or nil)
  end
  local given = {}
  for k in pairs(options) do given[#given + 1] = k end
  table.sort(given, function(a, b)
    local ta, tb = type(a), type(b)
    if ta == tb and (ta == "string" or ta == "number") then return a < b end
    return ta < tb
  end)
  for _, k in ipairs(given) do
    if type(k) ~= "string" or not spec[k] then
      local shown = type(k) == "string" and ('"%s"'):format(k) or ("at [%s] (%s)"):format(tostring(k),
        check.show(options[k]))
      fault.raise("OPTION", at, ("%s: no option %s; %s"):format(what, shown, #names == 0 and "it takes none"
        or "the options are " .. table.concat(names, ", ")), type(k) == "string" and suggest.hint(k, names) or nil)
    end
    values[k] = spec[k](at, what .. ": " .. k, options[k])
  end
  return values
end

-- Of "customer.id" where customer is a column.
local function path_hint(schema, name)
  local column, last = name:match("^([^.]+)%..-([%a_][%w_]*)$")
  local index = column and schema.by_name[column]
  local kind = index and not schema.fields[index].hidden and schema.fields[index].type:match("^%a+")
  return (kind == "struct" or kind == "map" or kind == "any") and not schema.by_name[last]
    and (":assign { %s = function(e) return e.%s end } makes a column of it"):format(last, name) or nil
end

---The index of a column, or a fault that names the nearest one.
---@param schema table see docs/internals/lua-side.md
function check.field(at, what, schema, name)
  if type(name) ~= "string" then wrong(at, what, "the name of a field", name) end
  local index = schema.by_name[name]
  if index and not schema.fields[index].hidden then return index end
  local names = {}
  for _, f in ipairs(schema.fields) do if not f.hidden then names[#names + 1] = f.name end end
  fault.raise("UNKNOWN_FIELD", at, ("%s: there is no field %s; the fields here are %s"):format(what, check.show(name),
    suggest.list(names)), path_hint(schema, name) or suggest.hint(name, names)
    or schema.bare and 'the records are lines of text: format = "json" or "csv" reads fields, :map makes columns' or nil)
end

return check
