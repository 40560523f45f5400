-- What user code can do with a record: its columns, those it assigns, copies, and a column that is called copy.
local support = require "tests.spec.codegen.support"
local copy = support.codegen.copy

local EVENT = support.schema "user string; n int"
local COPY = support.schema "copy string; n int"

local function run(fn, rows, schema, verb)
  local runner = support.runner(support.nodes(schema or EVENT, { { verb = verb or "map", fn = fn } }))
  local out = runner:batch(rows)
  return support.text(out), runner.failures
end

local function fault(fn, schema)
  local ok, f = pcall(support.nodes, schema or EVENT, { { verb = "map", fn = fn } })
  assert.is_false(ok)
  return f
end

describe("a record with assigned columns", function()
  it("is copied with them", function()
    local fns = {
      function(e) e.twice = e.n * 2 return e:copy() end,
      function(e) e.twice = e.n * 2 local c = e:copy() c.user = "y" return c end,
      function(e) e.twice = e.n * 2 e.n = 5 return copy(e) end,
    }
    assert.same({ "n=1 twice=2 user=x" }, (run(fns[1], { { n = 1, user = "x" } })))
    assert.same({ "n=1 twice=2 user=y" }, (run(fns[2], { { n = 1, user = "x" } })))
    assert.same({ "n=5 twice=2 user=x" }, (run(fns[3], { { n = 1, user = "x" } })))
  end)

  it("prints and walks with them", function()
    local seen
    run(function(e)
      e.twice = e.n * 2
      seen = { tostring(e) }
      for k, v in support.codegen.pairs(e) do seen[#seen + 1] = k .. "=" .. v end
      return e
    end, { { n = 1, user = "x" } })
    assert.same({ '{ user = "x", n = 1, twice = 2 }', "user=x", "n=1", "twice=2" }, seen)
  end)

  it("must be the row, or have them in the row: none is lost without a word", function()
    local f = fault(function(e)
      e.twice = e.n * 2
      return { user = e.user, four = e.twice * 2 }
    end)
    assert.equal("ROW_KEY", f.code)
    assert.truthy(f.where:find("records_spec.lua:%d+$"), f.where)
    assert.truthy(f.message:find('assigns the column "twice"', 1, true))
    assert.truthy(f.message:find("four, user", 1, true))
    assert.same({ "n=1 user=x" }, (run(function(e) e.user = "x" return { n = e.n, user = e.user } end, { { n = 1 } })))
  end)
end)

describe("a column called copy", function()
  it("is read, compared and assigned as any other", function()
    assert.same({ "x=a!" }, (run(function(e) return { x = e.copy .. "!" } end, { { copy = "a" } }, COPY)))
    assert.same({ "copy=a n=1" }, (run(function(e) return e.copy == "a" end, { { copy = "a", n = 1 }, { n = 2 } }, COPY, "filter")))
    assert.same({ "copy=z n=1" }, (run(function(e) e.copy = "z" return e end, { { copy = "a", n = 1 } }, COPY)))
    assert.same({ "copy=2 n=1 user=x" }, (run(function(e) e.copy = e.n * 2 return e end, { { n = 1, user = "x" } })))
    assert.same({ "copy=1 n=1", "n=2" }, (run(function(e) if e.n == 1 then e.copy = e.n end return e end, { { n = 1 }, { n = 2 } })))
    assert.same({ "copy=3 x=3" }, (run(function(e) e.copy = 3 return { x = e.copy, copy = e.copy } end, { { n = 1 } })))
  end)

  it("wins over the method of that name, and the message says what to write", function()
    local f = fault(function(e) return e:copy() end, COPY)
    assert.equal("TYPE", f.code)
    assert.truthy(f.hint:find("tm.copy(e)", 1, true))
    assert.same({ "copy=a n=1" }, (run(function(e) return copy(e) end, { { copy = "a", n = 1 } }, COPY)))
    local _, failures = run(function(e) e.copy = "z" local c = e:copy() return { copy = c.copy } end, { { n = 1 } })
    assert.truthy(failures[1].message:find("tm.copy(e)", 1, true))
  end)
end)
