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

local results = {}  -- function -> abstract result
local slow = {}     -- function -> { what, instead }
known.results, known.slow = results, slow

local function library(t, result, names)
  for name in names:gmatch("%w+") do if t[name] then results[t[name]] = result end end
end

library(string, S, "lower upper sub rep reverse format gsub char")
library(string, N, "len byte find")
library(math, N, [[abs ceil floor sqrt exp log log10 sin cos tan asin acos atan atan2 pow fmod max min random deg rad
  sinh cosh tanh ldexp]])
library(bit, N, "tobit bnot band bor bxor lshift rshift arshift rol ror bswap")
results[bit.tohex] = S
results[tostring], results[type] = S, S
results[tonumber] = N
results[rawequal] = B
results[os.time], results[os.clock], results[os.difftime] = N, N, N
results[os.date] = S
results[table.concat] = S

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
  results[libraries.tostring] = S
  if libraries.string.format then results[libraries.string.format] = S end
  if libraries.os then
    results[libraries.os.time], results[libraries.os.clock], results[libraries.os.difftime] = N, N, N
    results[libraries.os.date] = S
    mark(libraries.os.date, "os.date", "keep the timestamp; sinks write it as ISO 8601")
  end
  if libraries.table and libraries.table.sort then
    mark(libraries.table.sort, "table.sort", "keep the few values that are needed in locals, or sort in a sink")
  end
  if libraries.pairs then
    mark(libraries.pairs, "pairs", "name the fields that are needed; ipairs is compiled")
  end
end
adopt()

return known
