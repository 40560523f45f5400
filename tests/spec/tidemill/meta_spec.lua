-- The definitions for the language server name what there is, and nothing else.
local scripts = require "tests.spec.support.scripts"

-- Those of the helper functions are compared by tests/spec/library/examples_spec.lua.
local FILES = { "tidemill", "generate", "metrics", "network", "process", "windows" }

local function declared_in(name_of_file, names)
  for line in io.lines("lua/meta/" .. name_of_file .. ".lua") do
    local owner, name = line:match("^function (%w+)[.:]([%w_]+)%(")
    if owner then names[owner .. "." .. name] = true end
    name = line:match("^%-%-%-@field ([%w_]+) tidemill%.%u%w+ ") or line:match("^%-%-%-@field (gen) ")
      or line:match("^%-%-%-@field (trigger) ") or line:match("^%-%-%-@field (evict) ")
      or line:match("^%-%-%-@field (args) ")
    if name then names["tm." .. name] = true end
  end
end

local function declared()
  local names = {}
  for _, name in ipairs(FILES) do declared_in(name, names) end
  return names
end

describe("the definitions for the language server", function()
  it("name exactly what the API has", function()
    local found = {}
    local job = scripts.session([[
      local tm = require "tidemill"
      return tm.from(tm.lines())]])
    local freeze = require "tidemill.freeze"
    for name in pairs(freeze.content(job.tm)) do found["tm." .. name] = true end
    for _, kind in ipairs { "counter", "gauge", "histogram" } do
      for name in pairs(freeze.members(freeze.content(job.tm)[kind]("a_" .. kind))) do found[kind .. "." .. name] = true end
    end
    for name in pairs(freeze.content(job.tm.gen)) do found["gen." .. name] = true end
    for name in scripts.fault([[
      local tm = require "tidemill"
      return tm.from(tm.lines()).nothing]]).message:match("it has (.*)$"):gmatch("[%w_]+") do
      found["stream." .. name] = true
    end
    for name in pairs(freeze.content(job.tm.trigger)) do found["trigger." .. name] = true end
    for name in pairs(freeze.content(job.tm.evict)) do found["evict." .. name] = true end
    for name in scripts.fault([[
      local tm = require "tidemill"
      return tm.from(tm.lines()):window_all(tm.count_window(1)).nothing]]).message:match("it has (.*)$"):gmatch("[%w_]+") do
      found["windowed." .. name] = true
    end
    found["job.from"] = true
    assert.same(found, declared())
  end)
end)
