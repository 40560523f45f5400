-- What `tm` has for building a job is of no use in a function that rows run through: the graph is there by then, and a
-- source, a state or an argument that is made for a row would be known to nobody. Each of these functions says so when it is
-- called there, and the analysis of functions finds the call before the run (codegen/calls.lua).
local clock = require "tidemill.clock"
local fault = require "tidemill.fault"
local known = require "codegen.known"
local place = require "tidemill.place"

local building = { names = setmetatable({}, { __mode = "k" }) } -- of guarded functions

local STATE = 'declare it with its operator, as state = { last = %s(...) } of :process("name", { ... }); read it as ctx.state.last'
local WRITE = "outside of functions: stream:to(%s { ... }); rows for several sinks are split by filter, routes or side outputs"
local READ = "build streams outside of functions; rows of another source come in by union, connect or process_broadcast"

local HINTS = {
  from = READ, job = READ, lines = READ, stdin = READ, socket = READ, generate = READ,
  file = "sources and sinks stand outside of functions: tm.from(tm.file { ... }), stream:to(tm.file { ... })",
  print = WRITE, webhook = WRITE, sink = WRITE, discard = WRITE,
  value = STATE, reducing = STATE, aggregating = STATE,
  operator_list = (STATE:gsub("ctx%.state", "ctx.operator"):gsub("state =", "operator =")),
}

local OPERATOR = "operators stand outside of functions: these get one row and give rows; flat_map gives any number, with out { ... }"

-- A name for what the call would have given.
local function name_of(name, argument)
  local given = type(argument) == "string" and argument:match("^[%a_][%w_]*$")
  return given and loadstring("local " .. given) and given or (name:gsub(".*%.", ""))
end

---Message and hint of a call in a function.
---@param name string "tm.file"
---@param argument any its first argument, where it is known
local function refusal(name, argument)
  local of, short = name:match("^(%a+)[.:](.*)$")
  local shown = type(argument) == "string" and ("%s(%q)"):format(name, argument) or name
  local message = shown .. " is called in a function that rows run through: the job has been built by then"
  local hint = of == "stream" and OPERATOR or HINTS[short]
  if hint then return message, hint:format(name) end
  local own = name_of(name, argument)
  return message, ("outside of functions: local %s = %s(%s), and use it inside"):format(own, name,
    type(argument) == "string" and ("%q"):format(argument) or "...")
end

---The function, to be called while the job is built alone.
---@param name string "tm.file"
function building.only(name, fn)
  local function guarded(...)
    if clock.is_running() then
      local message, hint = refusal(name, (...))
      fault.raise("ARGUMENT", place.here(), message, hint)
    end
    return fn(...)
  end
  building.names[guarded] = name
  known.declares[guarded] = function(argument) return refusal(name, argument) end
  return guarded
end

---All functions of a table of such.
function building.all(prefix, functions)
  local guarded = {}
  for name, fn in pairs(functions) do
    guarded[name] = type(fn) == "function" and building.only(prefix .. "." .. name, fn) or fn
  end
  return guarded
end

return building
