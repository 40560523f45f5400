-- What `tidemill test --output tap` prints: as busted's own form, which breaks on names with a line end or "#", and on files with errors.
local clean = require "kit.clean"

-- "#" begins a directive: a test called "# TODO" is none.
local function name_of(text) return (clean.line(text):gsub("\\", "\\\\"):gsub("#", "\\#")) end

local function comment(text) io.write("# ", (clean.text(text):gsub("\n", "\n# ")), "\n") end

return function()
  local busted = require "busted"
  local handler = require "busted.outputHandlers.base"()
  local count = 0

  local function point(result, name, directive)
    count = count + 1
    io.write(("%s %d - %s%s\n"):format(result, count, name_of(name), directive or ""))
  end

  local function failed(problem)
    local trace = problem.element.trace or {}
    point("not ok", problem.name)
    if trace.short_src and trace.currentline then comment(("%s @ %d"):format(trace.short_src, trace.currentline)) end
    if problem.randomseed then comment("Random seed: " .. problem.randomseed) end
    comment("Failure message: " .. clean.text(problem.message))
  end

  busted.subscribe({ "suite", "reset" }, function()
    count = 0
    return nil, true
  end)
  busted.subscribe({ "test", "end" }, function(_, _, status)
    if status == "success" then
      point("ok", handler.successes[#handler.successes].name)
    elseif status == "pending" then
      local pending = handler.pendings[#handler.pendings]
      point("ok", pending.name, " # SKIP" .. (pending.message and " " .. clean.line(pending.message) or ""))
    elseif status == "failure" then
      failed(handler.failures[#handler.failures])
    else
      failed(handler.errors[#handler.errors])
    end
    io.flush()
    return nil, true
  end, { predicate = handler.cancelOnPending })
  -- Of what is no case: a file that cannot be read, before_each, teardown.
  local function outside(element)
    if element.descriptor ~= "it" then failed(handler.errors[#handler.errors]) end
    io.flush()
    return nil, true
  end
  busted.subscribe({ "error" }, outside)
  busted.subscribe({ "failure" }, outside)
  busted.subscribe({ "suite", "end" }, function()
    io.write("1..", count, "\n")
    io.flush()
    return nil, true
  end)
  return handler
end
