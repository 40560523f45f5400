-- Functions of unusual form in operators: what is generated for them, and what becomes of their rows.
local support = require "tests.spec.codegen.support"
local codegen, codes = support.codegen, support.codes

local EVENT = support.schema "user string; n int"
local RETURNS = support.schema "a string"

local function run(spec, rows)
  local runner = support.runner(support.nodes(EVENT, { spec }))
  return support.text((runner:batch(rows))), runner.failures
end

describe("a function that returns no row", function()
  it("fails every row when it always raises", function()
    local out, failures = run({ verb = "map", fn = function(e) error("no " .. e.n) end, returns = RETURNS }, { { n = 1 }, { n = 2 } })
    assert.same({}, out)
    assert.equal(2, #failures)
    assert.truthy(failures[2].message:find("no 2", 1, true))
  end)

  it("fails every row when it only ever returns nothing", function()
    local _, failures = run({ verb = "map", fn = function(e) return nil, e end, returns = RETURNS }, { { n = 1 } })
    assert.equal(codes.ROW_TYPE, failures[1].code)
  end)

  it("has a chunk when it never returns", function()
    local function forever() while true do end end -- luacheck: ignore 542
    for _, verb in ipairs { "map", "filter", "key" } do
      local nodes = support.nodes(EVENT, { { verb = verb, fn = forever, returns = verb == "map" and RETURNS or nil,
        key_name = "key" } })
      assert.truthy(loadstring(codegen.source(nodes)), verb)
    end
    local nodes = support.nodes(EVENT, { { verb = "reduce", fn = forever } })
    assert.truthy(loadstring(codegen.source(nodes)))
  end)

  it("is refused where its columns would be needed", function()
    local ok, f = pcall(support.nodes, EVENT, { { verb = "map", fn = function() while true do end end } }) -- luacheck: ignore
    assert.is_false(ok)
    assert.equal("TYPE", f.code)
    assert.truthy(f.message:find("never returns", 1, true))
  end)
end)
