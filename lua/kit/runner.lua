-- Runs specs with busted, which is found where Lua 5.1 keeps its packages.
local runner = {}

local MISSING = [[tidemill test runs specs with busted, and there is none on this machine: %s
  on Debian and Ubuntu: apt install lua-busted
  elsewhere: luarocks --lua-version 5.1 install busted]]

---Runs the specs; gives the exit code: 0 all passed, 1 some did not, 2 they could not be run.
---@param arguments string[] of busted
function runner.run(arguments)
  local ok, busted = pcall(require, "busted.runner")
  if not ok then
    local first = tostring(busted):match("^[^\n]*")
    io.stderr:write(MISSING:format(first), "\n")
    return 2
  end
  local done = {} -- what os.exit raises, to come back here
  local code = 0
  local exit = os.exit
  os.exit = function(status)
    code = (status == nil or status == true or status == 0) and 0 or 1
    error(done, 0)
  end
  table.insert(arguments, 1, "--ignore-lua") -- .busted may name an interpreter: this is the one
  _G.arg = arguments
  arguments[0] = "tidemill test"
  local finished, err = xpcall(function() busted { standalone = false } end, function(e)
    return e == done and done or debug.traceback(tostring(e), 2)
  end)
  os.exit = exit
  io.stdout:flush()
  if not finished and err ~= done then
    io.stderr:write(err, "\n")
    return 2
  end
  return code
end

return runner
