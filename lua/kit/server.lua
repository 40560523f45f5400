-- `tidemill test --serve FILE`: functions of kit.engine for a spec that another Lua runs (client/tidemill.lua). Requests come
-- on standard input, answers go to the file, a named pipe: a message each, { name, argument... } and { result... }.
local engine = require "kit.engine"
local wire = require "kit.wire"

local server = {}

local tests = {} -- by number

local function pack(...) return select("#", ...), { ... } end

local functions = setmetatable({}, { __index = engine })

function functions.new(given)
  local kit, err = engine.new(given)
  if not kit then return nil, err end
  tests[#tests + 1] = kit
  return #tests
end

-- A test is its number there.
local function call(name, first, ...)
  local fn = functions[name]
  if name == "new" or name == "nearest" or name == "kind_of" or name == "module" then return fn(first, ...) end
  return fn(tests[first], ...)
end

function server.run(path)
  engine.set_null(require "kit.null")
  local answers, why = io.open(path, "wb")
  if not answers then
    io.stderr:write("error TM0201: --serve: ", why, "\n")
    return 2
  end
  wire.write(answers, wire.encode(1, "tidemill"))
  for request in wire.read, io.stdin do
    local count, values = wire.decode(request)
    local results, list = pack(pcall(call, unpack(values, 1, count)))
    wire.write(answers, wire.encode(results, unpack(list, 1, results)))
  end
  answers:close()
  return 0
end

return server
