-- What the analysis knows of functions of the standard libraries: types of results, and which of them keep a loop
-- from being compiled (docs: PERFORMANCE 5.1). Functions are recognised by identity, so that a script's own
-- `tostring` is not taken for ours.
local values = require "codegen.values"

local known = {}

local N, S, B, U = values.NUMBER, values.STRING, values.BOOL, values.UNKNOWN

-- result of string methods: of a value that is known to be a string
known.string_methods = {
  lower = S, upper = S, sub = S, rep = S, reverse = S, format = S, gsub = S, char = S,
  len = N, byte = N, find = N, match = U, gmatch = U,
}

-- Does every match begin and end between characters? A run of one class does, because it holds either all bytes of characters
-- outside of ASCII or none.
local function is_run(pattern)
  local set = pattern:match("^%[([%z\1-\127]+)%]%+$")
  return pattern:find("^%%%a%+$") ~= nil or pattern == ".+" or (set ~= nil and not set:find("]", 1, true))
end

-- Formats that cut nothing and make no bytes of their own.
local function is_plain_format(text)
  return not text:gsub("%%%%", ""):gsub("%%[%-+ #0]*%d*[diouxXs]", ""):gsub("%%[%-+ #0]*%d*%.?%d*[eEfgG]", ""):find("%", 1, true)
end

---The result of a string method, of which the object, args[1], is known to be a string: also whether it is UTF-8 for sure.
---@param name string
---@param args table[] abstract values
function known.of_string(name, args)
  local on, text = args[1], values.is_text(args[1])
  local pattern = args[2] and args[2].const
  if name == "gmatch" and type(pattern) == "string" and not pattern:find("(", 1, true) then
    return text and is_run(pattern) and { t = "texts", text = true } or values.TEXTS
  end
  if name == "format" then
    text = text and type(on.const) == "string" and is_plain_format(on.const)
    for n = 2, #args do text = text and values.prints_text(args[n]) end
  elseif name == "rep" then
    text = text and (args[3] == nil or values.is_text(args[3]))
  elseif name ~= "lower" and name ~= "upper" then
    text = false
  end
  return text and values.TEXT or known.string_methods[name] or U
end

local results = {}  -- function -> abstract result
local slow = {}     -- function -> { what, instead }
known.results, known.slow = results, slow
known.more = {}      -- function -> abstract value of its further results
known.walks = { [pairs] = true, [ipairs] = true } -- functions that `for` walks with
known.keeps = {}     -- functions whose string is UTF-8 when the strings that they are given are
known.takes = {}     -- function -> number of the argument that may be a slice (slice.lua); what `keeps` then may be one too
known.of_number = {} -- functions that give a number for a number, and for other values something else
known.makes = {}     -- function -> the new table that it gives: { fields = name -> abstract value, names = in order }

local function library(t, result, names)
  for name in names:gmatch("%w+") do if t[name] then results[t[name]] = result end end
end

library(string, S, "lower upper sub rep reverse format gsub char")
library(string, N, "len byte find")
library(math, N, [[abs ceil floor sqrt exp log log10 sin cos tan asin acos atan atan2 pow fmod max min random deg rad
  sinh cosh tanh ldexp]])
library(bit, N, "tobit bnot band bor bxor lshift rshift arshift rol ror bswap")
results[bit.tohex] = values.TEXT
results[tostring], results[type] = S, values.TEXT
results[tonumber] = N
results[rawequal] = B
results[os.time], results[os.clock], results[os.difftime] = N, N, N
results[os.date] = S
results[table.concat] = S

known.methods = { [string.lower] = "lower", [string.upper] = "upper", [string.rep] = "rep", [string.format] = "format" }
known.prints = { [tostring] = true }

local PATTERN = "string patterns are not compiled: the rows of this operator run in the interpreter"
known.slow_methods = {
  match = { "match", PATTERN, "find(text, 1, true), sub and byte are compiled" },
  gmatch = { "gmatch", PATTERN, "for one-byte separators walk with find(separator, from, true) and sub" },
  gsub = { "gsub", PATTERN, "find(text, 1, true) and sub are compiled" },
}
for name, why in pairs(known.slow_methods) do slow[string[name]] = { "string." .. why[1], why[2], why[3] } end

local ONLY_INTERPRETED = "is not compiled: the rows of this operator run in the interpreter"
local function mark(fn, name, instead) if fn then slow[fn] = { name, ONLY_INTERPRETED, instead } end end
mark(table.sort, "table.sort", "keep the few values that are needed in locals, or sort in a sink")
mark(table.maxn, "table.maxn", "count with #")
mark(error, "error", "return nil or a marker and filter, or let on_error take what fails")
mark(print, "print", "use :peek() or a sink to look at rows")
mark(unpack, "unpack", "name the elements: t[1], t[2]")
mark(load, "load", "load once, outside of the function")
mark(loadstring, "loadstring", "load once, outside of the function")
mark(setfenv, "setfenv")
mark(os.date, "os.date", "keep the timestamp; sinks write it as ISO 8601")
mark(xpcall, "xpcall", "pcall is compiled")

-- The sandbox wraps some of these; the wrappers behave alike.
local function adopt()
  local found, libraries = pcall(require, "tidemill.libraries")
  if not found then return end
  results[libraries.tostring], known.prints[libraries.tostring] = S, true
  if libraries.string.format then
    results[libraries.string.format], known.methods[libraries.string.format] = S, "format"
  end
  if libraries.os then
    results[libraries.os.time], results[libraries.os.clock], results[libraries.os.difftime] = N, N, N
    results[libraries.os.date] = S
    mark(libraries.os.date, "os.date", "keep the timestamp; sinks write it as ISO 8601")
  end
  if libraries.math then results[libraries.math.random] = N end
  if libraries.table and libraries.table.sort then
    mark(libraries.table.sort, "table.sort", "keep the few values that are needed in locals, or sort in a sink")
  end
  known.walks[libraries.pairs], known.walks[libraries.ipairs] = true, true
  if libraries.pairs then
    mark(libraries.pairs, "pairs", "name the fields that are needed; ipairs is compiled")
  end
end
adopt()

-- Functions that declare something of the job, with what they are called: rows cannot.
known.declares = setmetatable({}, { __mode = "k" }) -- what builds a job -> fun(argument): message, hint of a call in a function of rows

return known
