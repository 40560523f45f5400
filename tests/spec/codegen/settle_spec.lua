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

  it("stay open at the end when no row ever came", function()
    local r, nodes, all = setup { { verb = "map", fn = function() return { a = values(nil) } end } }
    assert.equal(3, support.enter(r.instance.finish, r.instance))
    assert.same({ "", true }, { codegen.settle(all, r.instance.proposal) })
    assert.truthy(unknown.any(nodes))
    assert.equal(0, support.enter(r.instance.finish, r.instance)) -- said once
  end)

  it("are what an operator below takes, where it takes no text", function()
    local r, nodes, all = setup { { verb = "map", fn = function(e) return { a = values(nil), n = e.n } end } }
    all[#all + 1] = { id = 2, kind = "rolling", verb = "sum", name = "sum", where = "job.lua:9", inputs = { nodes[1] }, key = { "n" },
      emit = "every", aggregates = { { kind = "sum", field = "a", name = "sum" } } }
    require("tidemill.derive").derive(all[#all])
    assert.equal(0, run(r, { { n = 1 } }))
    assert.equal(2, support.enter(r.instance.finish, r.instance))
    assert.equal("1 double a\n", (r:settle()))
    assert.equal("n int, sum double, $time timestamp", support.show(all[#all].schema))
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

-- Subtasks of one operator, each with its own state of the graph, as workers have; what they propose reaches the planning
-- state in an order of our choice.
describe("subtasks that see no value", function()
  local function job(count, first)
    local function specs() return { { verb = "map", fn = function(e) return { a = values(e.n), u = e.user } end } } end
    local planned = select(2, support.nodes(EVENT, specs()))
    local subtasks = {}
    for i = 1, count do
      local nodes, all = support.nodes(EVENT, specs())
      subtasks[i] = support.runner(nodes, { among = { subtask = i - 1, count = count, first = first } })
      subtasks[i].all = all
    end
    local function tell(i) -- gives what everyone applies; nil: no answer yet
      local text, waits = codegen.settle(planned, subtasks[i].instance.proposal)
      if waits then return nil end
      for _, other in ipairs(subtasks) do codegen.settle(other.all, text) end
      return text
    end
    return subtasks, tell
  end
  local function finish(r) return support.enter(r.instance.finish, r.instance) end

  it("wait for those that may still see one", function()
    local r, tell = job(3)
    assert.equal(0, run(r[1], { { user = "x" } }))
    assert.equal(2, finish(r[1]))
    assert.is_nil(tell(1))
    assert.equal(3, finish(r[2])) -- has no row that waits
    assert.is_nil(tell(2))
    assert.equal(2, run(r[3], { { user = "y" }, { n = 5 } }))
    assert.equal("1 double a\n", tell(3))
    assert.equal(0, finish(r[1]))
    assert.same({ "u=x" }, support.text(r[1]:take()))
    assert.equal(0, support.enter(r[3].instance.run, r[3].instance))
    assert.same({ "u=y", "a=5" }, support.text(r[3]:take()))
  end)

  it("have texts once the last of them has ended, whichever that is", function()
    for last = 1, 3 do
      local r, tell = job(3)
      run(r[1], { { user = "x" } })
      run(r[3], { { user = "y" } })
      local order = { last % 3 + 1, (last + 1) % 3 + 1, last }
      for n, i in ipairs(order) do
        assert.equal(i == 2 and 3 or 2, finish(r[i]))
        assert.equal(n == 3 and "1 string a\n" or nil, tell(i))
      end
      assert.equal(0, finish(r[1]))
      assert.same({ "u=x" }, support.text(r[1]:take()))
    end
  end)

  it("may ask again without being counted twice", function()
    local r, tell = job(2)
    run(r[1], { { user = "x" } })
    for _ = 1, 3 do
      assert.equal(2, finish(r[1]))
      assert.is_nil(tell(1))
    end
    assert.equal(3, finish(r[2]))
    assert.equal("1 string a\n", tell(2))
  end)

  it("behind a source wait with as many rows as they keep, and fail when all do", function()
    local rows = {}
    for i = 1, 1100 do rows[i] = { user = "x" } end
    local r, tell = job(2, true)
    assert.equal(2, run(r[1], rows))
    assert.is_nil(tell(1))
    assert.equal(2, run(r[2], { { n = 1 } }))
    assert.equal("1 double a\n", tell(2))
    assert.equal(1, support.enter(r[1].instance.run, r[1].instance)) -- the output is full
    assert.equal(1024, #r[1]:take())
    assert.equal(0, support.enter(r[1].instance.run, r[1].instance))
    assert.equal(76, #r[1]:take())

    r, tell = job(2, true)
    assert.equal(2, run(r[1], rows))
    assert.is_nil(tell(1))
    assert.equal(3, finish(r[2]))
    local ok, f = pcall(tell, 2)
    assert.is_false(ok)
    assert.equal("RETURNS_NEEDED", f.code)
  end)

  it("give what they know when they end", function()
    local planned = { { verb = "map", fn = function(e) return { a = values(e.n), b = values(e.user), u = e.user } end } }
    local nodes, all = support.nodes(EVENT, planned)
    local r = support.runner(nodes, { among = { subtask = 0, count = 2 } })
    assert.equal(0, run(r, { { n = 1 } }))
    assert.equal(2, finish(r))
    assert.equal("end 0 2 rows\n1 double a\n1 ? b\n", r.instance.proposal)
    assert.same({ "1 double a\n", false }, { codegen.settle(all, r.instance.proposal) })
    assert.equal(2, finish(r))
    assert.equal("end 0 2 rows\n1 ? b\n", r.instance.proposal)
    assert.same({ "", true }, { codegen.settle(all, r.instance.proposal) })
    assert.same({ "1 string b\n", false }, { codegen.settle(all, "end 1 2 empty\n1 ? b\n") })
  end)
end)
