-- The environment in which a job script and its functions run (ARCHITECTURE D12): an allow-list of globals, text only,
-- no way to a pointer, to the FFI or to the engine's own tables. Reading or setting a name that is not on the list is
-- an error with the nearest name.
local codegen = require "codegen"
local fault = require "tidemill.fault"
local freeze = require "tidemill.freeze"
local libraries = require "tidemill.libraries"
local place = require "tidemill.place"
local suggest = require "tidemill.suggest"
local trouble = require "tidemill.trouble"

local sandbox = {}

-- Job code's tonumber also takes int64 and decimal values. The analysis of operators knows functions by identity.
require("codegen.known").results[codegen.tonumber] = require("codegen.values").NUMBER

-- What people reach for, and what to use instead.
local REFUSED = {
  io = "read with tm.file or tm.stdin, write with :to(tm.file{...})",
  ffi = "job code cannot reach memory", jit = "see `tidemill check` for what compiles", debug = "",
  package = "require loads files of the job's folder", dofile = "use require", loadfile = "use require",
  collectgarbage = "memory is the engine's affair", getfenv = "", setfenv = "", newproxy = "",
  module = "return a table",
  coroutine = "flat_map emits any number of rows", gcinfo = "", arg = "tm.arg(name, default) declares an argument",
}

local BYTECODE = "bytecode cannot be loaded, only Lua text"

-- What people write who come from another language, by the word at which Lua stops.
local FOREIGN = {
  ["!"] = "Lua writes ~= for \"is not\", and `not` for negation", ["&"] = "Lua writes `and` and `or`",
  ["|"] = "Lua writes `and` and `or`", ["+"] = "there is no += or ++: n = n + 1", ["-"] = "there is no -=: n = n - 1",
  ["?"] = "there is no ?: a and b or c gives b where a holds, else c", ["<eof>"] = "something is not closed: an `end`, a bracket",
}

local function foreign(message)
  local near = message:match("near '(.-)'$")
  return near and FOREIGN[near] or nil
end

---Compiles text in the sandbox. Raises SANDBOX for bytecode and SCRIPT_SYNTAX for text that does not parse.
---@param env table made by sandbox.new
---@param path string as messages name it
---@param before? string what stands in front of the text, on its first line
function sandbox.compile(env, path, text, before)
  if text:byte(1) == 27 then fault.raise("SANDBOX", path, BYTECODE) end
  if text:sub(1, 2) == "#!" then text = "--" .. text:sub(3) end -- a script may be executable
  place.add_file(path, text, before)
  local fn, message = load((before or "") .. text, "@" .. path, "t", env)
  if not fn then
    local where, rest = place.split(message)
    rest = rest or message
    local wide, count = rest:gsub("^function or expression too complex", "a call with too many arguments")
    fault.raise("SCRIPT_SYNTAX", where or path, wide,
      count > 0 and "Lua takes about 240: give the names as one list, select { ... }" or foreign(rest))
  end
  return fn
end

local LINE = 'local tm = require "tidemill" '
local STATEMENTS = { "return", "local", "if", "for", "while", "do", "repeat", "function", "goto", "break" }

---Compiles the text of -e: `tm` is there already, and an expression is what the job is.
function sandbox.compile_line(env, path, text)
  local before = LINE .. "return "
  if not load(before .. text, "=", "t", env) then
    local first = text:match("^%s*(%a*)")
    local is_statement = load(LINE .. text, "=", "t", env) ~= nil
    for _, word in ipairs(STATEMENTS) do is_statement = is_statement or first == word end
    if is_statement then before = LINE end -- the message is then of that form
  end
  return sandbox.compile(env, path, text, before)
end

-- load for job code: text, in the same environment unless a table of the job's own is given.
local function loader(env)
  return function(chunk, name, mode, own)
    if type(chunk) == "function" then
      local parts = {}
      for _ = 1, 100000 do
        local piece = chunk()
        if piece == nil or piece == "" then break end
        if type(piece) ~= "string" then error("load: the reader must return texts", 2) end
        parts[#parts + 1] = piece
      end
      chunk = table.concat(parts)
    end
    if type(chunk) ~= "string" then error("load: a text is needed, given a " .. type(chunk), 2) end
    if chunk:byte(1) == 27 then return nil, BYTECODE end
    if mode ~= nil and type(mode) == "string" and not mode:find("t", 1, true) then return nil, BYTECODE end
    if own ~= nil and (type(own) ~= "table" or freeze.kind(own)) then
      error("load: the environment must be a table of your own", 2)
    end
    return load(chunk, type(name) == "string" and name or "=(load)", "t", own or env)
  end
end

---@class tidemill.sandbox.hooks
---@field tm table what require "tidemill" gives
---@field print fun(text: string) one line
---@field read fun(path: string): string?, string?, string? text of a file of the job, or nil, why, and the error's name

local refusals = setmetatable({}, { __mode = "k" }) -- by environment

---For a function of the job: what raises when a name is not known in its environment; nil for others.
---@return (fun(name: string, at: string, prefix: string))?
function sandbox.refusal(fn) return refusals[debug.getfenv(fn)] end

local function hint_for(name, names, at)
  if name == "tm" then return 'begin with: local tm = require "tidemill"' end
  local own = place.names(at)
  if own[name] then
    return ("there is a local '%s' at %s, out of reach here: declare it above, in a block that is still open"):format(name,
      own[name])
  end
  local all = suggest.keys(own)
  for _, known in ipairs(names) do all[#all + 1] = known end
  return suggest.hint(name, all) or "declare it with local before its first use"
end

---A fresh environment.
---@param folder string of the script, "" or ending in "/"
---@param hooks tidemill.sandbox.hooks
function sandbox.new(folder, hooks)
  local names = {}
  local object -- the environment itself
  local env = {
    assert = assert, error = error, ipairs = libraries.ipairs, pcall = pcall, rawequal = rawequal, select = select,
    tonumber = codegen.tonumber, type = type, unpack = unpack, xpcall = xpcall, _VERSION = _VERSION,
    pairs = libraries.pairs, next = libraries.next, tostring = libraries.tostring,
    getmetatable = libraries.getmetatable, setmetatable = libraries.setmetatable,
    rawget = libraries.rawget, rawset = libraries.rawset,
    string = freeze.table("string", libraries.string), table = freeze.table("table", libraries.table),
    math = freeze.table("math", libraries.math), bit = freeze.table("bit", libraries.bit),
    os = freeze.table("os", libraries.os, function(name)
      fault.raise("SANDBOX", place.here(), ("os.%s is not allowed in a job script"):format(tostring(name)),
        "os.time, os.date, os.clock and os.difftime are, on the engine's clock")
    end),
  }

  function env.print(...)
    local parts = {}
    for i = 1, select("#", ...) do parts[i] = libraries.tostring((select(i, ...))) end
    hooks.print(table.concat(parts, "\t"))
  end

  local loaded, busy = {}, {}
  local function run_file(fn, name, path)
    place.enter(fn, path)
    busy[name] = true
    local ok, result = xpcall(fn, trouble.script, name)
    -- After a stack overflow there may be no room for a handler: the error comes as it was raised.
    if not ok then result = trouble.script(result) end
    busy[name] = nil
    place.leave()
    if not ok then error(result, 0) end
    return result
  end
  place.set_boundary(run_file)

  function env.require(name)
    if name == "tidemill" then return hooks.tm end
    local at = place.here()
    if type(name) ~= "string" or not name:match("^[%w_%-]+[%w_%-%.]*$") or name:find("..", 1, true) then
      fault.raise("SANDBOX", at, ("require: %s is not the name of a module"):format(libraries.tostring(name)),
        'names are like "score" or "lib.score": score.lua, lib/score.lua beside the job')
    end
    if loaded[name] ~= nil then return loaded[name] end
    if busy[name] then
      fault.raise("SCRIPT_RUN", at, ('require: "%s" requires itself, through others or not'):format(name))
    end
    local base = folder .. name:gsub("%.", "/")
    local tried = {}
    for _, path in ipairs { base .. ".lua", base .. "/init.lua" } do
      local text, why, code = hooks.read(path)
      if not text and code and code ~= "not_found" then
        fault.raise(code:upper(), at, ('require: module "%s" cannot be read: %s'):format(name, why))
      end
      if text then
        local result = run_file(sandbox.compile(object, path, text), name, path)
        loaded[name] = result == nil and true or result
        return loaded[name]
      end
      tried[#tried + 1] = path
    end
    fault.raise("NOT_FOUND", at, ('require: there is no module "%s" (looked for %s)'):format(name,
      table.concat(tried, ", ")), suggest.nearest(name, { "tidemill" }) and 'did you mean "tidemill"?'
      or "require loads files of the job's folder, and \"tidemill\"")
  end

  for k in pairs(env) do names[#names + 1] = k end
  names[#names + 1] = "_G"
  table.sort(names)

  local function refuse(name, at, prefix)
    local shown = libraries.tostring(name)
    if REFUSED[name] then fault.raise("SANDBOX", at, ("%s'%s' is not allowed in a job script"):format(prefix, shown),
      REFUSED[name]) end
    fault.raise("UNKNOWN_NAME", at, ("%sthere is no variable '%s'"):format(prefix, shown), hint_for(shown, names, at))
  end
  setmetatable(env, { __index = function(_, name) refuse(name, place.here(), "") end })

  local refusal = function(name, at, prefix) if rawget(env, name) == nil then refuse(name, at, prefix) end end
  object = setmetatable({}, {
    __index = env,
    __newindex = function(_, name)
      local shown = libraries.tostring(name)
      if env._G and rawget(env, name) ~= nil then
        fault.raise("SANDBOX", place.here(),
          ("'%s' cannot be replaced"):format(shown), ("local %s = ..."):format(shown))
      end
      fault.raise("UNKNOWN_NAME", place.here(), ("'%s' is not declared"):format(shown),
        ("write local %s: what functions share between rows belongs in state"):format(shown))
    end,
    __metatable = false,
    __tostring = function() return "_G" end,
  })
  env._G = object
  refusals[object] = refusal
  env.load = loader(object)
  env.loadstring = function(text, name) return env.load(text, name) end
  return object, run_file
end

return sandbox
