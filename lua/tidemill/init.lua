-- What `require "tidemill"` is: the table `tm` of constructors that begin a job. One per session, read-only; operators
-- on streams are in stream.lua and keyed.lua. User documentation: lua/meta/tidemill.lua.
local aggregates = require "tidemill.aggregates"
local building = require "tidemill.building"
local custom = require "tidemill.custom"
local check = require "tidemill.check"
local codegen = require "codegen"
local connectors = require "tidemill.connectors"
local ends = require "tidemill.ends"
local elsewhere = require "tidemill.elsewhere"
local fault = require "tidemill.fault"
local formats = require "tidemill.formats"
local freeze = require "tidemill.freeze"
local generate = require "tidemill.generate"
local graph = require "tidemill.graph"
local library = require "library"
local metrics = require "tidemill.metrics"
local place = require "tidemill.place"
local restart = require "tidemill.restart"
local schema = require "tidemill.schema"
local states = require "tidemill.states"
local stream = require "tidemill.stream"
local suggest = require "tidemill.suggest"
local watermarks = require "tidemill.watermarks"
local windows = require "tidemill.windows"
require "tidemill.keyed" -- these add their operators to streams
require "tidemill.process"
require "tidemill.ranked"
require "tidemill.routes"
require "tidemill.sides"
require "tidemill.windowed"
require "tidemill.window_functions"

local api = {}

local function caller()
  local file, line = place.find()
  return { at = place.here(), file = file, line = line }
end

---@param others table<string, string>? names that people of other tools type first
---@param hints table<string, string>? what to write in place of others
local function unknown(what, others, hints)
  return function(content)
    return function(name)
      local names = suggest.keys(content)
      local meant = others and others[name]
      fault.raise("UNKNOWN_NAME", place.here(), ("there is no %s.%s"):format(what, tostring(name)),
        meant and ('did you mean "%s"?'):format(meant)
        or hints and hints[name]
        or type(name) == "string" and suggest.hint(name, names) or (what .. " has " .. suggest.list(names, 40)))
    end
  end
end

local LATENCY_MS = 5 -- core/base/limits.h
local LUA_MEMORY_MIN = 16 * 1024 ^ 2 -- core/base/limits.h; the highest is what LuaJIT can address
local LUA_MEMORY_MAX = 2 ^ 47

local CHECKPOINT = { interval = 30000, timeout = 600000, retain = 3, aligned_timeout = 5000 }

local FOR_EVER = "false: barriers wait for rows, however long that takes"

-- A duration is the interval; false: none are taken.
local function checkpoint_options(at, what, value)
  if value == false then return false end
  local given = {}
  if type(value) ~= "table" or freeze.kind(value) then
    given.interval = check.wait(at, what, value, 1, "checkpoint = false: none are taken")
  else
    given = check.options(at, what, value, {
      interval = function(a, w, v) return check.wait(a, w, v, 1) end,
      timeout = function(a, w, v) return check.wait(a, w, v, 1) end,
      retain = function(a, w, v) return check.integer(a, w, v, 1, 1000) end,
      aligned_timeout = function(a, w, v) return v ~= false and check.wait(a, w, v, 0, FOR_EVER) end,
    })
  end
  given.asked = true
  for name, default in pairs(CHECKPOINT) do
    if given[name] == nil then given[name] = default end
  end
  return given
end

local function job_options(at, options)
  local values = check.options(at, "tm.job", options, {
    parallelism = function(a, w, v) return check.integer(a, w, v, 1, 1024) end,
    max_parallelism = function(a, w, v) return check.integer(a, w, v, 1, 32768) end,
    latency = function(a, w, v) return check.duration(a, w, v, 0) end,
    batch_timeout = function(a, w, v)
      return v ~= false and check.wait(a, w, v, 1, "false: an operator may be busy for as long as it likes")
    end,
    flush_processing_time_on_end = check.boolean,
    checkpoint = checkpoint_options,
    restart = restart.options,
    lua_memory = function(a, w, v) return check.size(a, w, v, LUA_MEMORY_MIN, LUA_MEMORY_MAX) end,
    on_error = function(a, w, v)
      if v ~= "fail" and v ~= "skip" and freeze.kind(v) ~= "connector" then
        check.wrong(a, w, '"fail", "skip" or a sink for dead letters', v)
      end
      return v
    end,
  })
  if values.parallelism and values.max_parallelism and values.max_parallelism < values.parallelism then
    fault.raise("ARGUMENT", at, ("tm.job: max_parallelism (%d) is less than parallelism (%d)"):format(
      values.max_parallelism, values.parallelism))
  end
  if values.checkpoint == false and values.restart and values.restart.strategy ~= "none" then
    fault.raise("ARGUMENT", at, "tm.job: restart needs checkpoints, and checkpoint = false says that there are none",
      'leave one of them out, or say restart = "none"')
  end
  values.latency = values.latency or LATENCY_MS
  if values.checkpoint == nil then values.checkpoint = CHECKPOINT end
  return values
end

local function from(job, call, source, ...)
  stream.no_more(call, "from", 1 + select("#", ...), 1)
  return stream.new(job, ends.source(job, source, call.at))
end

local job_methods = {}

job_methods.from = building.only("job:from", function(self, source, ...)
  local call = caller()
  local job = freeze.content(self, "job")
  if not job then
    fault.raise("ARGUMENT", call.at, ("from: called on %s"):format(check.show(self)),
      "it is called with a colon: job:from(...); without a job of your own, tm.from(...)")
  end
  return from(job, call, source, ...)
end)

local job_unknown = unknown("job")(job_methods)
local function job_index(_, key) return job_methods[key] or job_unknown(key) end

-- tm.args and tm.arg: values of --set name=value.
local function arguments(session)
  local args = freeze.table("tm.args", session.set, function() return nil end)
  local content = freeze.content(args)
  local values = {}
  for k, v in pairs(content) do values[k], content[k] = v, nil end -- so that every read is seen
  setmetatable(content, { __index = function(_, name)
    session.asked[name] = true
    return values[name]
  end })

  local function arg(name, default, doc, ...)
    local call = caller()
    stream.no_more(call, "tm.arg", 3 + select("#", ...), 3)
    check.name(call.at, "tm.arg: the name", name)
    local kind = type(default)
    if kind ~= "string" and kind ~= "number" and kind ~= "boolean" and kind ~= "nil" then
      check.wrong(call.at, ('tm.arg("%s"): the default'):format(name),
        "a text, a number, true, false or nothing", default)
    end
    if doc ~= nil then check.string(call.at, ('tm.arg("%s"): the description'):format(name), doc) end
    if not session.declared[name] then
      local a = { name = name, default = default == nil and "" or tostring(default), doc = doc or "" }
      session.declared[name] = a
      session.arguments[#session.arguments + 1] = a
    end
    session.asked[name] = true
    local given = values[name]
    if given == nil then return default end
    local function bad(needed)
      fault.raise("USAGE", call.at, ("--set %s=%s: %s is needed"):format(name, given, needed),
        ("the default is %s"):format(tostring(default)))
    end
    if kind == "number" then return tonumber(given) or bad("a number") end
    if kind == "boolean" then
      if given == "true" then return true end
      if given == "false" then return false end
      bad("true or false")
    end
    return given
  end
  return args, arg
end

-- The helper functions are loaded when they are first named.
local function with_library(tm)
  local names, object = {}, nil
  for name in pairs(tm) do names[name] = true end
  for _, name in ipairs(library.names) do names[name] = true end
  local missing = unknown("tm", aggregates.OTHERS, elsewhere.library)(names)
  object = freeze.table("tm", tm, function(name)
    local found = library.get(name)
    if found == nil then return missing(name) end
    rawset(freeze.content(object), name, found)
    return found
  end)
  return object
end

---The `tm` of a session.
---@param session table see session.lua
function api.new(session)
  local tm = {}

  function tm.job(name, options, ...)
    local call = caller()
    stream.no_more(call, "tm.job", 2 + select("#", ...), 2)
    check.name(call.at, "tm.job: the name", name)
    for _, job in ipairs(session.jobs) do
      if job.name == name and job ~= session.default then
        fault.raise("DUPLICATE_NAME", call.at, ('tm.job: there is a job "%s" at %s'):format(name, job.where))
      end
    end
    local job = graph.new_job(session, name, job_options(call.at, options), call.at)
    return freeze.object("job", job, job_index)
  end

  function tm.from(source, ...)
    local call = caller()
    session.default = session.default or graph.new_job(session, session.name, job_options(call.at, nil), call.at)
    return from(session.default, call, source, ...)
  end

  function tm.schema(given, ...)
    local call = caller()
    stream.no_more(call, "tm.schema", 1 + select("#", ...), 1)
    return freeze.object("schema", schema.declare(call, "tm.schema", given))
  end

  function tm.list(item, options, ...)
    local call = caller()
    stream.no_more(call, "tm.list", 2 + select("#", ...), 2)
    if states.is_ttl(options) then return states.collection(call, "tm.list", schema.list(call, item), options) end
    return schema.list(call, item, aggregates.list_options(call.at, item, options))
  end

  function tm.aggregate(given, ...)
    local call = caller()
    stream.no_more(call, "tm.aggregate", 1 + select("#", ...), 1)
    return custom.new(call, given)
  end

  function tm.watermarks(given, ...)
    local call = caller()
    stream.no_more(call, "tm.watermarks", 1 + select("#", ...), 1)
    return watermarks.new(call, given)
  end

  function tm.map(key, value, options, ...)
    local call = caller()
    stream.no_more(call, "tm.map", 3 + select("#", ...), 3)
    local made = schema.map(call, key, value)
    return options == nil and made or states.collection(call, "tm.map", made, options)
  end

  function tm.value(given, options, ...)
    local call = caller()
    stream.no_more(call, "tm.value", 2 + select("#", ...), 2)
    return states.value(call, given, options)
  end

  function tm.operator_list(given, options, ...)
    local call = caller()
    stream.no_more(call, "tm.operator_list", 2 + select("#", ...), 2)
    return states.operator_list(call, given, options)
  end

  function tm.reducing(given, fn, options, ...)
    local call = caller()
    stream.no_more(call, "tm.reducing", 3 + select("#", ...), 3)
    return states.reducing(call, given, fn, options)
  end

  function tm.aggregating(given, options, ...)
    local call = caller()
    stream.no_more(call, "tm.aggregating", 2 + select("#", ...), 2)
    return states.aggregating(call, given, options)
  end

  local array = function(t)
    if type(t) ~= "table" or freeze.kind(t) or (getmetatable(t) or "array") ~= "array" then
      check.wrong(caller().at, "tm.array", "a table", t, "for example tm.array {}")
    end
    return codegen.array(t)
  end

  for _, kind in ipairs { "lines", "stdin", "file", "generate", "socket", "webhook", "sink", "print", "discard" } do
    tm[kind] = connectors[kind]
  end
  tm.csv, tm.json = formats.csv, formats.json
  for name, fn in pairs(metrics.constructors(session, caller, stream.no_more)) do tm[name] = fn end
  for name, fn in pairs(aggregates.tm) do tm[name] = fn end
  for name, fn in pairs(windows.tm) do tm[name] = fn end
  local args, arg = arguments(session)
  tm.arg = arg
  tm = building.all("tm", tm)
  for name, functions in pairs { evict = windows.evict, trigger = windows.trigger, gen = generate.gen } do
    tm[name] = freeze.table("tm." .. name, building.all("tm." .. name, functions), unknown("tm." .. name)(functions))
  end
  tm.args, tm.array, tm.null = args, array, require "tidemill.null"
  tm.copy = codegen.copy -- the function itself: the analysis of operators knows it by identity
  return with_library(tm)
end

return api
