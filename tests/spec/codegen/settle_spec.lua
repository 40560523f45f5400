-- Types that rows settle: what is proposed, that functions run once per row, that every subtask ends with the same
-- schema.
local support = require "tests.spec.codegen.support"
local unknown = require "codegen.unknown"
local codegen, codes = support.codegen, support.codes
local D, I = support.decimal.make, support.int64.parse

local EVENT = support.schema "user string; n int; ts timestamp@"
local values = setmetatable({}, { __index = function() return nil end, __call = function(_, v) return v end })

local function setup(specs, schema, options)
  local nodes, all = support.nodes(schema or EVENT, specs)
  return support.runner(nodes, options), nodes, all
end

local function run(r, rows)
  local buffer, size = support.buffer(r.nodes[1].input, rows)
  r:give(buffer, size)
  return support.enter(r.instance.run, r.instance)
end

describe("types that rows settle", function()
  it("are proposed from the first value of every column, in a text of fixed order", function()
    local give = { D "1.25", "x", true, 1.5, I "5" }
    local r, nodes = setup { { verb = "map", fn = function(e)
      return { z = values(give[1]), y = values(give[2]), x = values(give[3]), w = values(e.n), v = values(give[5]) }
    end } }
    assert.equal("v ?, w ?, x ?, y ?, z ?, $time timestamp", support.show(nodes[1].schema))
    assert.equal(2, run(r, { { n = 1, ts = 1 } }))
    assert.equal("1 int64 v\n1 double w\n1 bool x\n1 string y\n1 decimal(38,2) z\n", r.instance.proposal)
  end)

  it("wait for a value of every column, each function running once per row", function()
    local calls = 0
    local r, nodes, all = setup { { verb = "map", fn = function(e)
      calls = calls + 1
      return { a = values(e.n), b = values(e.user) }
    end } }
    assert.equal(0, run(r, { { n = 1 }, { n = 2 } }))
    assert.equal(2, run(r, { { n = 3 }, { user = "x" }, { user = "y" } }))
    assert.equal(4, calls) -- the fifth row has not run
    assert.equal(r.instance.proposal, codegen.settle(all, r.instance.proposal))
    assert.equal("a double, b string, $time timestamp", support.show(nodes[1].schema))
    assert.equal(0, support.enter(r.instance.run, r.instance))
    assert.equal(5, calls)
    assert.same({ "a=1", "a=2", "a=3", "b=x", "b=y" }, support.text(r:take()))
    assert.same({ { 5, 5, 0, 5 } }, r:counted())
  end)

  it("go on below: schemas that depend on them are derived again", function()
    local _, nodes, all = setup {
      { verb = "map", fn = function(e) return { a = values(e.n) } end },
      { verb = "filter", fn = function(e) return e.a end },
      { verb = "assign", assigns = {
        { name = "b", fn = function(e) return e.a end }, { name = "c", fn = function(e) return e.a * 2 end } } },
      { verb = "select", columns = { "c", "a" } },
    }
    assert.equal("c ?, a ?, $time timestamp", support.show(nodes[4].schema))
    codegen.settle(all, "1 decimal(38,2) a\n")
    assert.equal("c decimal(38,2), a decimal(38,2), $time timestamp", support.show(nodes[4].schema))
  end)

  it("are the first proposal's; later ones change nothing", function()
    local r, nodes, all = setup { { verb = "map", fn = function(e) return { a = values(e.user or e.n) } end } }
    local other = support.runner(nodes)
    assert.equal(2, run(r, { { n = 1 } }))
    assert.equal(2, run(other, { { user = "text", n = 9 } }))
    assert.equal("1 double a\n", codegen.settle(all, r.instance.proposal))
    assert.equal("", codegen.settle(all, other.instance.proposal))
    assert.equal("a double, $time timestamp", support.show(nodes[1].schema))
    -- The other's row does not fit the settled type: it fails, and the accounts still add up.
    assert.equal(0, support.enter(other.instance.run, other.instance))
    assert.same({}, other:take())
    assert.equal(1, #other.failures)
    assert.equal(codes.ROW_TYPE, other.failures[1].code)
    assert.equal("text", other.failures[1].row.user)
    assert.same({ { 1, 0, 0, 0 } }, other:counted())
  end)

  it("keep the schema objects of nodes that do not change", function()
    local _, nodes, all = setup {
      { verb = "filter", fn = function(e) return e.n end },
      { verb = "map", fn = function(e) return { a = values(e.n) } end },
    }
    local before = nodes[1].schema
    codegen.settle(all, "2 string a\n")
    assert.equal(before, nodes[1].schema)
    assert.equal(all[1].schema, nodes[1].schema)
  end)

  it("make a later row of another type that row's error", function()
    local r = setup { { verb = "map", fn = function(e) return { a = values(e.user or e.n) } end } }
    local out = r:batch { { n = 1 }, { user = "x" }, { n = 2 } }
    assert.equal(2, #out)
    assert.equal(codes.ROW_TYPE, r.failures[1].code)
    assert.truthy(r.failures[1].message:find('column "a" is double, given "x"', 1, true))
  end)

  it("fail with :returns named when 1,024 rows had nil", function()
    local r = setup { { verb = "map", fn = function(e) return { a = values(nil), n = e.n } end } }
    local rows = {}
    for i = 1, 1100 do rows[i] = { n = i } end
    local ok, f = pcall(run, r, rows)
    assert.is_false(ok)
    assert.equal("RETURNS_NEEDED", f.code)
    assert.truthy(f.hint:find(":returns", 1, true))
    assert.truthy(f.message:find('column "a"', 1, true))
  end)

  it("are string at the end of input", function()
    local r, nodes = setup { { verb = "map", fn = function(e) return { a = values(nil), n = e.n } end } }
    assert.equal(0, run(r, { { n = 1 }, { n = 2 } }))
    assert.equal(2, support.enter(r.instance.finish, r.instance))
    r:settle()
    assert.equal("a string, n int, $time timestamp", support.show(nodes[1].schema))
    assert.equal(0, support.enter(r.instance.finish, r.instance))
    assert.same({ "n=1", "n=2" }, support.text(r:take()))
  end)

  it("stay open at the end when no row ever came: another subtask's rows may say", function()
    local r, nodes = setup { { verb = "map", fn = function() return { a = values(nil) } end } }
    assert.equal(0, support.enter(r.instance.finish, r.instance))
    assert.truthy(unknown.any(nodes))
  end)

  it("let kept rows out through a small output", function()
    local r = setup({ { verb = "flat_map", fn = function(e, out)
      for i = 1, 20 do out { i = i, a = values(e.user) } end
    end } }, EVENT, { full = 6 })
    local out = r:batch { { n = 1 }, { user = "x" } }
    assert.equal(40, #out)
    assert.equal("x", out[21].a)
    assert.is_nil(out[20].a)
  end)

  it("do not matter where no row reaches them", function()
    local r = setup {
      { verb = "filter", fn = function() return false end },
      { verb = "map", fn = function(e) return { a = values(e.n) } end },
    }
    assert.equal(0, run(r, { { n = 1 } }))
    assert.same({ { 1, 0, 1, 0 }, { 0, 0, 0, 0 } }, r:counted())
  end)
end)
