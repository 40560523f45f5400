-- `require "tidemill"` for specs that are not run by `tidemill test`: by busted itself, or by any Lua 5.1. It starts the binary,
-- whose name is in TIDEMILL (default: tidemill, found in PATH), and talks to it over a pipe: jobs run there, exactly as under
-- `tidemill test`. All but this file comes from the binary, so that both are of one version.
local NAME = os.getenv("TIDEMILL") or "tidemill"

local function quoted(text) return "'" .. text:gsub("'", "'\\''") .. "'" end

local function status_ok(result) return result == 0 or result == true end

local function start()
  local path = os.tmpname()
  os.remove(path)
  if not status_ok(os.execute("mkfifo " .. quoted(path))) then error("tidemill: no named pipe can be made: " .. path, 0) end
  -- Whatever becomes of the binary, somebody opens the pipe for writing: nobody waits for ever.
  local requests = assert(io.popen(("%s test --serve %s || echo failed >%s"):format(quoted(NAME), quoted(path), quoted(path)), "w"))
  local answers = assert(io.open(path, "rb"))
  os.remove(path)
  return requests, answers
end

local requests, answers = start()
local hello = answers:read("*l")
if not tonumber(hello) then
  error(("tidemill: %q cannot be run: its path belongs into the environment variable TIDEMILL"):format(NAME), 0)
end
answers:read(tonumber(hello))

-- The first modules are asked for by hand: the way values are written is one of them.
local function text_of(name)
  local request = ("2:s6:modules%d:%s"):format(#name, name)
  requests:write(#request, "\n", request)
  requests:flush()
  local answer = answers:read(tonumber(answers:read("*l")))
  return answer:match("^2:ts%d+:(.*)$")
end

local function find(name)
  if not name:find("^kit%.") and name ~= "kit" then return nil end
  local text = text_of(name)
  return text and assert((loadstring or load)(text, "=tidemill:" .. name)) or ("\n\tno module '%s' in tidemill"):format(name)
end

table.insert(package.loaders or rawget(package, "searchers"), 1, find)

local wire = require "kit.wire"
local engine = {}

function engine.set_null() end -- wire knows

local function call(name, ...)
  wire.write(requests, wire.encode(1 + select("#", ...), name, ...))
  local answer = wire.read(answers)
  if not answer then error("tidemill: the binary has ended; what it said stands above", 0) end
  local count, values = wire.decode(answer)
  if not values[1] then error("tidemill: " .. tostring(values[2]), 0) end
  return (unpack or rawget(table, "unpack"))(values, 2, count)
end

package.loaded["kit.engine"] = setmetatable(engine, { __index = function(self, name)
  self[name] = function(...) return call(name, ...) end
  return self[name]
end })

return require "kit"
