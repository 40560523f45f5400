-- stream:process("name", { state =, each =, timer =, open =, close = }): functions of the job over keyed state and timers.
-- What is checked here is how it is declared; what its functions do: lua/codegen/process_derive.lua.
local check = require "tidemill.check"
local fault = require "tidemill.fault"
local freeze = require "tidemill.freeze"
local keyed = require "tidemill.keyed"
local shapeless = require "tidemill.shapeless"
local states = require "tidemill.states"
local stream = require "tidemill.stream"

local EXAMPLE = 'for example :process("velocity", { state = { n = tm.value("int", { default = 0 }) }, each = function(ctx, e) ... end })'

local function any(_, _, v) return v end

stream.method("process", function(s, call, name, given, ...)
  if type(name) == "table" and given == nil then name, given = nil, name end
  stream.no_more(call, "process", 2 + select("#", ...), 2)
  if name ~= nil then check.name(call.at, "process: the name", name) end
  local what = name and ("process %q"):format(name) or "process"
  keyed.need_key(s, call, "process", "state and timers belong to a key")
  shapeless.refuse(s.node, call.at, "process")
  if type(given) ~= "table" or freeze.kind(given) then check.wrong(call.at, what, "a table of functions", given, EXAMPLE) end
  local values = check.options(call.at, what, given, { state = any, each = check.func, timer = check.func, open = check.func,
    close = check.func })
  if not values.each then
    fault.raise("ARGUMENT", call.at, what .. ": each is missing: what is done with a record", EXAMPLE)
  end
  local node = keyed.add(s, call, { kind = "process", verb = "process", each = values.each, timer = values.timer,
    open = values.open, close = values.close, metrics = s.job.session.metrics,
    states = states.declare(call, what, values.state, s.node.schema.time_field) }, { name = name }, "process")
  return stream.new(s.job, node)
end)
