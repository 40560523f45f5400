-- Of a spec that fails under a seed: what happened to its jobs, behind all results.
local busted = require "busted"
local test = require "kit.test"

local told = {}

-- Forms for machines are all that standard output has of them.
local out = require("kit.runner").for_people and io.stdout or io.stderr

busted.subscribe({ "test", "start" }, function()
  test.made = {}
  return nil, true
end)

busted.subscribe({ "test", "end" }, function(element, _, status)
  if status ~= "success" and status ~= "pending" then
    for _, t in ipairs(test.made) do
      local story = t:story()
      if story ~= "" then told[#told + 1] = ("What happened to the job of \"%s\":\n%s"):format(element.name, story) end
    end
  end
  test.made = {}
  return nil, true
end)

busted.subscribe({ "suite", "end" }, function()
  io.stdout:flush()
  for _, story in ipairs(told) do out:write("\n", story) end
  return nil, true
end)
