-- `tidemill test`: runs specs with busted, which is found where Lua 5.1 keeps its packages.
local engine = require "kit.engine"

local runner = { for_people = true } -- what is printed of the results

local MISSING = [[tidemill test runs specs with busted, and there is none here: %s
  on Debian and Ubuntu: apt install lua-busted
  elsewhere: luarocks --lua-version 5.1 install busted]]

local OUTPUTS = { plain = "plainTerminal", utf = "utfTerminal", tap = "kit.tap_output", junit = "kit.junit_output",
  json = "kit.json_output", gtest = "gtest", silent = "kit.silent_output" }

-- A seed that is tried first says nothing: it runs once more.
local silent
local function tell(...)
  if not silent then io.stderr:write(...) end
end

local function wrong(text, hint)
  tell("error TM0201: ", text, "\n", hint and "  hint: " .. hint .. "\n" or "")
  return 2
end

-- The handler of a form of output: one of busted's, by its own name too, or a module or file of the user.
local function output_handler(name)
  local own = OUTPUTS[name:lower()]
  if own then return own end
  if name:find("%.lua$") or pcall(require, "busted.outputHandlers." .. name) or pcall(require, name) then return name end
  return nil
end

-- What busted is told; nil and the exit code where something of it is wrong.
local function arguments_of(given)
  local arguments, roots = { [0] = "tidemill test", "--ignore-lua" }, 0 -- .busted may name an interpreter: this is the one
  for _, a in ipairs(given) do
    local name, value = a:match("^(%-%-[%w-]+)=(.*)$")
    if name == "--output" then
      local handler = output_handler(value)
      if not handler then
        return nil, wrong(("there is no form of output %q; there are gtest, json, junit, plain, tap, utf"):format(value),
          engine.nearest(value, { "gtest", "json", "junit", "plain", "tap", "utf" }) and
          ("did you mean %s?"):format(engine.nearest(value, { "gtest", "json", "junit", "plain", "tap", "utf" })) or nil)
      end
      a = "--output=" .. handler
      runner.for_people = handler == OUTPUTS.plain or handler == OUTPUTS.utf
    elseif name == "--filter" or name == "--filter-out" then
      local ok, why = pcall(string.find, "", value)
      if not ok then
        return nil, wrong(("%s: %q is no pattern of Lua: %s"):format(name, value, (why:gsub("^.-:%d+: ", ""))),
          "magic characters stand behind %: %[")
      end
    elseif not name then
      roots = roots + 1
      if not engine.kind_of(a) then return nil, wrong(("there is no file or folder %s"):format(a)) end
    end
    arguments[#arguments + 1] = a
  end
  arguments[#arguments + 1] = "--pattern=_spec%.lua$"
  if roots == 0 then arguments[#arguments + 1] = engine.kind_of("spec") == "folder" and "spec" or "." end
  return arguments
end

-- Counts the files with specs, in front of busted's own loader.
local function count_files(count)
  local name = "busted.modules.test_file_loader"
  local original = require(name)
  package.loaded[name] = function(...)
    local load, one, all = original(...)
    return function(...)
      local files = load(...)
      count(#files)
      return files
    end, one, all
  end
end

-- Tells tm.test in which spec it is called, also from what runs before it: busted looks at the spec first.
local function tell_places()
  local make, spec = require "busted.block", nil
  package.loaded["busted.block"] = function(busted)
    local block = make(busted)
    local look = block.rejectAll
    function block.rejectAll(element)
      if element.descriptor == "it" then spec = element end
      return look(element)
    end
    require("kit.test").place = function()
      local at = busted.context.get()
      if at and (at.descriptor == "before_each" or at.descriptor == "after_each") then at = spec end
      local names = {}
      while at and at.descriptor ~= "suite" do
        names[#names + 1] = at.descriptor == "file" and (at.name or ""):match("[^/]*$") or at.name or at.descriptor
        at = busted.context.parent(at)
      end
      return table.concat(names, "\n")
    end
    return block
  end
end

---Runs the specs; gives the exit code: 0 all passed, 1 some did not, 2 there is nothing to run, or it cannot be run.
---@param given string[] files, folders and flags (--name=value)
function runner.run(given)
  silent = given[1] == "--output=silent"
  local ok, busted = pcall(require, "busted.runner")
  if not ok then
    tell(MISSING:format(tostring(busted):match("^[^\n]*")), "\n")
    return 2
  end
  local arguments, failed = arguments_of(given)
  if not arguments then return failed end
  local code, files = 0, 0
  local done = {} -- what os.exit raises, to come back here
  local exit = os.exit
  rawset(os, "exit", function(status)
    local caller = debug.getinfo(2, "S")
    if not (caller and caller.source:find("busted", 1, true)) then
      error("os.exit is called in a spec: it ends by itself, or by error", 2)
    end
    code = (status == nil or status == true or status == 0) and 0 or 1
    error(done, 0)
  end)
  count_files(function(n) files = n end)
  tell_places()
  _G.arg = arguments
  local finished, err = xpcall(function() busted { standalone = false } end, function(e)
    return e == done and done or debug.traceback(tostring(e), 2)
  end)
  rawset(os, "exit", exit)
  io.stdout:flush()
  if not finished and err ~= done then
    io.stderr:write(err, "\n")
    return 2
  end
  return files == 0 and 2 or code
end

return runner
