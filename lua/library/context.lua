-- What the modules of this directory work with: the state's scratch memory in C, results and errors.
local ffi = require "ffi"
local header = require "ffi.header"
local codegen = require "codegen"
local clock = require "tidemill.clock"
local fault = require "tidemill.fault"
local known = require "codegen.known"
local place = require "tidemill.place"
local problem = require "codegen.problem"
local suggest = require "tidemill.suggest"

local context = {}

local attached = assert(require("library.attach")(), "tidemill: helper functions without their memory")
local C = ffi.C
local SAME, NONE, PART = -1, -2, -3 -- core/text/text.ffi.h

header.declare("core/batch/decimal.ffi.h", "struct tm_decimal_value")
header.declare("core/text/text.ffi.h", "struct tm_text")
local T = ffi.cast("struct tm_text *", attached.address)

context.C, context.T, context.read = C, T, attached.read
context.NONE = NONE

local slice = require "codegen.slice"
local cut_slice, unpack_slice, is_slice = slice.part, slice.unpack, slice.is
local type, floor = type, math.floor
local to_string, sub = ffi.string, string.sub

-- --- errors

-- While a script is evaluated a wrong argument is the script's, while rows run it is that row's.
local function raise(code, message, hint)
  if clock.is_running() then problem.raise(code == "ARGUMENT" and "USER_CODE" or code, message, hint) end
  fault.raise(code, place.here(), message, hint)
end

---Raises at the caller's line: `tm.text.lpad: width: a whole number is needed, given "x"`.
---@param what string the function
---@param argument string? its name
---@param needed string
function context.wrong(what, argument, needed, value, hint)
  raise("ARGUMENT", ("%s: %s%s is needed, given %s"):format(what, argument and argument .. ": " or "", needed,
    problem.show(value)), hint)
end
local wrong = context.wrong

---Raises at the caller's line with a message of its own.
function context.refuse(message, hint) raise("ARGUMENT", message, hint) end

---What reading a name that is not there raises.
---@param message string "there is no tm.text.%s"
---@param content table<string, any> what there is
function context.unknown(message, content)
  return function(name)
    local names = suggest.keys(content)
    raise("UNKNOWN_NAME", message:format(tostring(name)),
      type(name) == "string" and suggest.hint(name, names) or "there are " .. suggest.list(names, 60))
  end
end

local codes = require "tidemill.codes"

---Raises for a negative result that is a code.
function context.failed(rc, what)
  if rc == codes.LIMIT then problem.raise("LIMIT", what .. ": the result is larger than 64 MB") end
  if rc == codes.MEMORY then error("not enough memory", 0) end
  error(("tidemill: %s gave %d"):format(what, rc))
end
local failed = context.failed

-- --- arguments

---The value that a function works on is not a string: nil for nil (a null field stays null), an error for anything else.
---@param what string the function
function context.not_text(s, what)
  if s == nil then return nil end
  wrong(what, nil, "a string", s, type(s) == "boolean" and nil or "tostring(value) makes a string")
end

function context.not_number(x, what)
  if x == nil then return nil end
  wrong(what, nil, "a number", x, type(x) == "string" and "tm.number.parse(text) makes a number" or nil)
end

---A further argument that must be a string.
function context.text(s, what, argument)
  if type(s) ~= "string" then wrong(what, argument, "a string", s) end
end

---A further argument that must be a string with something in it.
function context.some_text(s, what, argument)
  if type(s) ~= "string" or s == "" then wrong(what, argument, "a string of at least one character", s) end
end

---A further argument that must be a whole number.
function context.whole(x, low, high, what, argument)
  if type(x) ~= "number" or not (x >= low and x <= high) or floor(x) ~= x then
    wrong(what, argument, ("a whole number from %.0f to %.0f"):format(low, high), x)
  end
end

---The bytes of the value that a function works on, a string or a slice (codegen/slice.lua), and how many; nil: it is neither.
function context.bytes_of(s)
  if type(s) == "string" then return s, #s end
  if is_slice(s) then return unpack_slice(s) end
end

---The bytes from (from 0) to (behind the last) of a string or a slice, as what it is.
function context.part(s, from, to)
  if type(s) == "string" then return sub(s, from + 1, to) end
  return (cut_slice(s, from, to))
end
local part = context.part

-- --- results

---What a function of text.ffi.h has given as a text: a string, or a slice of the slice that it was given.
---@param n integer its result
---@param s string|ffi.cdata* its argument
---@param what string the function
---@return string|ffi.cdata*|nil
function context.give(n, s, what)
  if n >= 0 then return to_string(T.out, n) end
  if n == SAME then return s end
  if n == PART then return (part(s, T.from, T.to)) end
  if n == NONE then return nil end
  failed(n, what)
end

---As give, and always a string.
function context.give_string(n, s, what) return (slice.text(context.give(n, s, what))) end

-- tonumber of a slice
function codegen.number_of(s)
  local at, n = unpack_slice(s)
  if C.tm_number_parse(T, at, n) ~= 0 then return nil end
  return T.number
end
known.takes[codegen.tonumber] = 1

return context
