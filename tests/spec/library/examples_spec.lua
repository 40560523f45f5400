-- The examples of the helper functions in the definitions for the language server are true: each line `EXPRESSION  --> VALUES`
-- is evaluated.
local support = require "tests.spec.library.support"

local function examples(path)
  local list, pending = {}, {}
  for line in io.lines(path) do
    local expression, values = line:match("^%-%-%-    (.-)  %-%-> (.*)$")
    if expression then pending[#pending + 1] = { expression, values } end
    local name = line:match("^function ([%w_.:]+)%(")
    if name then
      list[#list + 1] = { name, pending }
      pending = {}
    end
  end
  return list
end

local function evaluate(text)
  local chunk = assert(loadstring("return " .. text))
  setfenv(chunk, { tm = support.tm, tonumber = tonumber, tostring = tostring, math = math })
  return { n = select("#", chunk()), chunk() }
end

for _, file in ipairs { "text", "values" } do
  describe("the examples of lua/meta/" .. file .. ".lua", function()
    for _, e in ipairs(examples("lua/meta/" .. file .. ".lua")) do
      it(e[1] .. " gives what is written there", function()
        assert.is_true(#e[2] > 0, "it has no example")
        for _, example in ipairs(e[2]) do
          local expected = evaluate(example[2])
          local given = evaluate(example[1])
          for i = expected.n + 1, given.n do given[i] = nil end
          given.n = expected.n
          assert.same(expected, given, example[1])
        end
      end)
    end
  end)
end

describe("the definitions for the language server", function()
  it("name exactly the functions that there are", function()
    local declared, found = {}, {}
    for _, file in ipairs { "text", "values" } do
      for _, e in ipairs(examples("lua/meta/" .. file .. ".lua")) do declared[e[1]] = true end
    end
    for _, name in ipairs(support.namespaces) do
      for fn in pairs(support.functions(name)) do found[name .. "." .. fn] = true end
    end
    for name in support.message(function() return support.tm.re("x").nothing end):match("there are (.*)$"):gmatch("[%w_]+") do
      found["Regex:" .. name] = true
    end
    found["tm.re"] = true
    assert.same(found, declared)
  end)
end)
