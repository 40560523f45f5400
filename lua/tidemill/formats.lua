-- Formats with options: tm.csv { ... }. What is written here is checked for its names and kinds, at the place where it
-- stands; the rules between options are those of core/format/csv_options.c, which also has the table of them.
local check = require "tidemill.check"
local fault = require "tidemill.fault"
local freeze = require "tidemill.freeze"
local place = require "tidemill.place"

local formats = {}

-- Values as the texts that go to C.

local function character(at, what, v)
  if type(v) ~= "string" or not v:find("^[\1-\9\11\12\14-\126]$") then
    check.wrong(at, what, "one ASCII character", v, 'for example ";" or "\\t"')
  end
  return v
end

local NONE_HINTS = {
  quote = 'quotes are taken as quotes unless quote = false; another character is quote = "\'"',
  comment = 'for example comment = "#"; without it no line is a comment',
}

local function character_or_none(at, what, v)
  if v == false or v == "" then return "" end
  if v == true then
    check.wrong(at, what, "one ASCII character, or false for none", v, NONE_HINTS[what:match("(%a+)$")])
  end
  return character(at, what, v)
end

local function boolean(at, what, v) return tostring(check.boolean(at, what, v)) end

local function choice(...)
  local choices = { ... }
  return function(at, what, v) return check.choice(at, what, v, choices) end
end

local function plain_text(at, what, v)
  if type(v) ~= "string" then check.wrong(at, what, "a text", v) end
  if v:find("[%z\r\n]") then
    fault.raise("ARGUMENT", at, ("%s: a text of one line is needed, given %s"):format(what, check.show(v)))
  end
  return v
end

-- One text or a list of them; a line of the option each.
local function texts(at, what, v)
  if type(v) ~= "table" then
    if type(v) ~= "string" then check.wrong(at, what, "a text or a list of texts", v) end
    return plain_text(at, what, v)
  end
  local lines = {}
  for k in pairs(v) do
    if type(k) ~= "number" or k < 1 or k > #v then
      check.wrong(at, what, "a text or a list of texts", v, 'for example null = { "", "NA" }')
    end
  end
  for i, text in ipairs(v) do lines[i] = plain_text(at, what, text) end
  if #lines == 0 then
    check.wrong(at, what, "a text or a list of texts", v, "for no null at all name a text that never occurs")
  end
  return table.concat(lines, "\n")
end

local function lines(at, what, v) return ("%d"):format(check.integer(at, what, v, 0, 2 ^ 31 - 1)) end

local CSV = {
  delimiter = character, quote = character_or_none, escape = choice("double", "backslash"), header = boolean,
  null = texts, comment = character_or_none, skip_lines = lines, ragged = choice("error", "pad", "truncate", "both"),
  trailing_delimiter = boolean, decimal = choice(".", ","), bools = plain_text, quoting = choice("needed", "all"),
  line_end = choice("lf", "crlf"),
}

-- `layout`: how records stand in the text, of a source.
local JSON = { layout = choice("guess", "lines", "array", "pretty") }

local function make(name, what, spec, given, ...)
  local at = place.here()
  if select("#", ...) > 0 then
    fault.raise("ARGUMENT", at, ("%s: one table of options is taken, given also %s"):format(what, check.show((...))))
  end
  local options = {}
  for option, text in pairs(check.options(at, what, given, spec)) do
    options[#options + 1] = { name = option, value = text }
  end
  table.sort(options, function(a, b) return a.name < b.name end)
  return freeze.object("format", { name = name, options = options })
end

function formats.csv(options, ...) return make("csv", "tm.csv", CSV, options, ...) end
function formats.json(options, ...) return make("json", "tm.json", JSON, options, ...) end

---The names of the options of a format, for the test that C has the same.
function formats.option_names(name) return require("tidemill.suggest").keys(({ csv = CSV, json = JSON })[name] or {}) end

---The formats there are.
formats.NAMES = { "json", "csv", "msgpack", "text", "raw" }

---What a connector was given as `format`: its name and its options; or nil.
---@param value any "json", tm.csv { ... }
---@return string?, table? options { { name =, value = text } } in the order of their names
function formats.of(value)
  if type(value) == "string" then return value, {} end
  local content = freeze.content(value, "format")
  if content then return content.name, content.options end
end

return formats
