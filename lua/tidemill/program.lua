-- A job that a spec built: calls that lua/kit/program.lua recorded, done anew in this state. Functions come as bytecode of the
-- spec, which is trusted; they run in the sandbox as all functions of jobs do.
local codegen = require "codegen"
local fault = require "tidemill.fault"
local null = require "tidemill.null"
local place = require "tidemill.place"
local wire = require "kit.wire"
local wire_null = require "kit.null"

local program = {}

-- A call at a line of the spec: its frame says so to whoever asks where it comes from (place.lua).
local function call_at(path, line)
  return loadstring(("\n"):rep(line - 1) .. "local f, unpack, args, n = ... local result = f(unpack(args, 1, n)) return result",
    "@" .. path)
end

local function load_function(item, env, give)
  local fn = loadstring(item.code, "=spec")
  if not fn then
    fault.raise("SANDBOX", "", "the spec's functions are of another LuaJIT than this binary's",
      "give tm.test the path of a job file, or run the spec with `tidemill test`")
  end
  give(setfenv(fn, env))
end

---The main function of the job: makes every call in order and gives the job.
---@param env table of the sandbox
---@param tm table
---@param text string made by kit/program.lua
---@param read fun(path: string): string?
function program.compile(env, tm, text, read)
  local _, parts = wire.decode(text)
  local items, order, result = parts[1], parts[2], parts[3]
  local made, registered = {}, {}
  local value

  local makers = {}
  function makers.get(item) return value(item.of)[value(item.name)] end
  function makers.call(item, number)
    local args = {}
    for i = 1, item.n do args[i] = value(item.args[i]) end
    if not registered[item.path] then
      registered[item.path] = true
      place.add_file(item.path, read(item.path) or "")
    end
    made[number] = { call_at(item.path, item.line)(value(item.f), unpack, args, item.n) }
  end
  function makers.table(item, number)
    local t = {}
    made[number] = { t }
    for i in pairs(item.keys) do t[value(item.keys[i])] = value(item.values[i]) end
  end
  function makers.array(item, number)
    local t = {}
    made[number] = { codegen.array(t) }
    for i in pairs(item.keys) do t[value(item.keys[i])] = value(item.values[i]) end
  end
  function makers.fn(item, number)
    load_function(item, env, function(fn)
      made[number] = { fn }
      for i = 1, item.n do debug.setupvalue(fn, i, value(item.ups[i])) end
    end)
  end

  function value(v)
    if v == wire_null then return null end
    if type(v) ~= "table" then return v end
    local number = v[1]
    if number == "tm" then return tm end
    if number == "null" then return null end
    if number == "lib" then
      local library, name = v[2]:match("^(%w+)%.?([%w_]*)$")
      return name == "" and env[library] or env[library][name]
    end
    if not made[number] then
      local item = items[number]
      local got = makers[item.k](item, number)
      made[number] = made[number] or { got }
    end
    return made[number][1]
  end

  return function()
    for i = 1, #order do value(order[i]) end
    return value(result)
  end
end

return program
