-- Of a spec that fails under a seed: what happened to its jobs, behind all results.
local busted = require "busted"
local test = require "kit.test"

local told, stories = {}, {}

-- Forms for machines are all that standard output has of them.
local out = require("kit.runner").for_people and io.stdout or io.stderr

test.used = {} -- also before_each and setup make tests

-- Of what a spec consists, the functions around it too: what has failed has no name then.
local function failed(element, parent)
  for _, t in ipairs(test.used) do
    local story = t:story()
    if story ~= "" and not told[t] then
      told[t] = true
      local name = element.name or parent and parent.name or "the specs"
      stories[#stories + 1] = ("What happened to the job of \"%s\":\n%s"):format(name, story)
    end
  end
  return nil, true
end

busted.subscribe({ "failure" }, failed)
busted.subscribe({ "error" }, failed)

busted.subscribe({ "test", "end" }, function()
  test.used = {}
  return nil, true
end)

busted.subscribe({ "suite", "end" }, function()
  io.stdout:flush()
  for _, story in ipairs(stories) do out:write("\n", story) end
  return nil, true
end)
