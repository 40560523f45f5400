-- Chains whose rows have loops of their own run unprotected: an error leaves the chunk, and its caller has it accounted for. To a
-- job nothing of that shows: which rows fail, what stays of them, counts and the reason to stop are as in every other chain.
local support = require "tests.spec.codegen.support"
local codegen, codes = support.codegen, support.codes
local ipairs = require("tidemill.libraries").ipairs

local SCHEMA = support.schema("n int; list list(int)")

local function rows_of(count, items)
  local rows = {}
  for i = 1, count do
    rows[i] = { n = i, list = {} }
    for k = 1, items or i % 5 do rows[i].list[k] = i * 10 + k end
  end
  return rows
end

local function runner(specs, options, schema)
  local nodes = support.nodes(schema or SCHEMA, specs)
  return support.runner(nodes, options), nodes
end

local function sum_of(e)
  local sum = 0
  for _, v in ipairs(e.list) do sum = sum + v end
  if e.n % 3 == 0 then error("row " .. e.n, 0) end
  return sum
end

local function count_lines(text, pattern) return select(2, text:gsub(pattern, "")) end

describe("a chain whose rows have loops", function()
  it("calls what stands before the first flat_map's end unprotected, and what stands behind it protected", function()
    local _, nodes = runner {
      { verb = "filter", fn = function(e) return e.n > 1 end },
      { verb = "flat_map", fn = function(e, out) for _, v in ipairs(e.list) do out { v = v } end end },
      { verb = "filter", fn = function(e) return e.v > 1 end },
    }
    local text = codegen.source(nodes)
    assert.equal(1, count_lines(text, "pcall%(fn_"))
    assert.truthy(text:find("pcall(fn_3", 1, true))
    _, nodes = runner { { verb = "filter", fn = function(e) return e.n > 1 end },
      { verb = "map", fn = function(e) return { n = e.n } end } }
    text = codegen.source(nodes)
    assert.equal(2, count_lines(text, "pcall%(fn_"))
    assert.is_nil(text:find("under_way", 1, true))
  end)

  it("skips rows that fail, and counts as every chain does", function()
    local specs = { { verb = "filter", fn = function(e) return e.n ~= 5 end },
      { verb = "map", fn = function(e) return { sum = sum_of(e) } end, returns = support.schema "sum int" },
      { verb = "filter", fn = function(e) return e.sum ~= 0 end } }
    for _, count in ipairs { 1, 2, 3, 9, 500, 2000 } do
      local r = runner(specs, { capacity = 256 * 1024 })
      local out, failed, passed, sums = {}, 0, 0, {}
      for i = 1, count do
        if i ~= 5 and i % 3 == 0 then failed = failed + 1 end
        if i ~= 5 and i % 3 ~= 0 and i % 5 ~= 0 then
          passed = passed + 1
          local sum = 0
          for k = 1, i % 5 do sum = sum + i * 10 + k end
          sums[passed] = sum
        end
      end
      for i, row in ipairs(r:batch(rows_of(count))) do out[i] = row.sum end
      assert.same(sums, out)
      assert.equal(failed, #r.failures)
      local five = count >= 5 and 1 or 0
      assert.same({ { count, count - five, five, count - five }, { count - five, count - five - failed, 0, count - five - failed },
        { count - five - failed, passed, count - five - failed - passed, passed } }, r:counted())
      for i, f in ipairs(r.failures) do
        assert.same({ 1, codes.USER_CODE, "row " .. 3 * i, 3 * i }, { f.node, f.code, f.message, f.row.n })
      end
    end
  end)

  it("keeps what a flat_map emitted before its error, and goes on behind the row", function()
    local r = runner { { verb = "flat_map", fn = function(e, out)
      for i, v in ipairs(e.list) do
        if i == 3 then error("third", 0) end
        out { v = v }
      end
    end } }
    local out = {}
    for i, row in ipairs(r:batch(rows_of(4))) do out[i] = row.v end
    assert.same({ 11, 21, 22, 31, 32, 41, 42 }, out)
    assert.equal(2, #r.failures)
    assert.same({ { 4, 7, 0, 2 } }, r:counted())
  end)

  it("accounts for a row that fails behind the flat_map without leaving its function", function()
    local r = runner { { verb = "flat_map", fn = function(e, out) for _, v in ipairs(e.list) do out { v = v } end end },
      { verb = "map", fn = function(e)
        if e.v % 10 == 2 then error("two", 0) end
        return { w = e.v }
      end } }
    local out = {}
    for i, row in ipairs(r:batch(rows_of(4))) do out[i] = row.w end
    assert.same({ 11, 21, 31, 33, 41, 43, 44 }, out)
    assert.same({ 1, 1, 1 }, { r.failures[1].node, r.failures[2].node, r.failures[3].node })
    assert.same({ { 4, 10, 0, 4 }, { 10, 7, 0, 7 } }, r:counted())
  end)

  it("fails in a flat_map also after an operator behind it has failed for the same row", function()
    local r = runner { { verb = "flat_map", fn = function(e, out)
      for _, v in ipairs(e.list) do out { v = v } end
      if e.n == 2 then error("at the end", 0) end
    end }, { verb = "filter", fn = function(e)
      if e.v == 22 then error("behind", 0) end
      return true
    end } }
    assert.equal(5, #r:batch(rows_of(3)))
    assert.same({ "behind", "at the end" }, { r.failures[1].message, r.failures[2].message })
    assert.same({ { 3, 6, 0, 2 }, { 6, 5, 0, 5 } }, r:counted())
  end)

  it("stops with the code that it is given, behind the row that failed", function()
    for _, behind in ipairs { false, true } do
      local r = runner({ { verb = "flat_map", fn = function(e, out)
        for _, v in ipairs(e.list) do out { v = v } end
        if not behind and e.n == 3 then error("stop", 0) end
      end }, { verb = "filter", fn = function(e)
        if behind and e.v == 33 then error("stop", 0) end
        return true
      end } }, { on_fail = function() return codes.USER_CODE end })
      local out, rc = r:batch(rows_of(4))
      assert.equal(codes.USER_CODE, rc)
      assert.equal(behind and 5 or 6, #out)
      assert.equal(1, #r.failures)
      assert.equal(1, r.ctx.in_rows) -- the fourth has not run
      assert.equal(3, r:counted()[1][1])
      out, rc = r:batch(rows_of(2)) -- nothing is left of the stop
      assert.same({ 3, 0 }, { #out, rc })
    end
  end)

  it("makes an error of a nested value that does not fit", function()
    local r = runner { { verb = "map", fn = function(e) return { list = e.n == 2 and { "x" } or { e.n, e.n } } end,
      returns = support.schema "list list(int)" } }
    local out = r:batch(rows_of(3))
    assert.same({ { list = { 1, 1 } }, { list = { 3, 3 } } }, out)
    assert.equal(codes.ROW_TYPE, r.failures[1].code)
    assert.same({ { 3, 2, 0, 2 } }, r:counted())
  end)

  it("goes on through outputs that fill up and memory of an earlier error", function()
    local r = runner({ { verb = "flat_map", fn = function(e, out)
      for i, v in ipairs(e.list) do
        out { v = v }
        if e.n % 2 == 0 and i == 2 then error("even", 0) end
      end
    end } }, { full = 3 })
    local values = {}
    for i, row in ipairs(r:batch(rows_of(40, 4))) do values[i] = row.v end
    assert.equal(20 * 4 + 20 * 2, #values)
    assert.equal(20, #r.failures)
    assert.same({ { 40, 120, 0, 20 } }, r:counted())
  end)

  it("reduces on behind a row that fails", function()
    local schema = support.schema("n int; list list(int)")
    local r = runner({ { verb = "reduce", fn = function(a, e)
      local sum = a.n
      for _, v in ipairs(e.list) do sum = sum + v end
      if e.n == 2 then error("two", 0) end
      return { n = sum, list = e.list }
    end } }, nil, schema)
    local kept = { n = 100, list = {} }
    local out = r:reduce({ { n = 1, list = { 1 } }, { n = 2, list = { 2 } }, { n = 3, list = { 3 } } }, { kept, kept, false })
    assert.same({ { n = 101, list = { 1 } }, { n = 3, list = { 3 } } }, out)
    assert.same({ { 3, 2, 0, 2 } }, r:counted())
  end)

  it("does not take an error of the engine for a row's", function()
    local r = runner { { verb = "map", fn = function(e) return { sum = sum_of(e) } end, returns = support.schema "sum int" } }
    r:batch(rows_of(2))
    assert.equal(0, r.ctx.under_way)
    r:batch(rows_of(3)) -- the last row fails
    assert.equal(0, r.ctx.under_way)
  end)

  it("stays compiled through errors", function()
    local r = runner({ { verb = "map", fn = function(e) return { sum = sum_of(e) } end, returns = support.schema "sum int" } },
      { capacity = 256 * 1024 })
    for _ = 1, 50 do r:batch(rows_of(300)) end
    assert.is_true(r.instance.heat.compiled)
    assert.equal(50 * 100, #r.failures)
    for pc = 1, require("jit.util").funcinfo(r.instance.chunk.loop).bytecodes - 1 do
      assert.not_equal("IFORL", (require("codegen.opcodes").name_at(r.instance.chunk.loop, pc)))
    end
  end)

  it("is recorded again after all traces went", function()
    local r = runner({ { verb = "map", fn = function(e)
      local sum = 0
      for _, v in ipairs(e.list) do sum = sum + v end
      return { sum = sum }
    end } }, { capacity = 256 * 1024 })
    -- LuaJIT draws lots before it tries again what it has given up: at the first batch, or one of the next.
    local function until_compiled(count)
      for _ = 1, 40 do
        r:batch(rows_of(count))
        if r.instance.heat.compiled then return end
      end
      error("it is not compiled", 0)
    end
    until_compiled(300)
    jit.flush()
    require("tidemill.traces").on_flush()
    assert.is_false(r.instance.heat.compiled)
    until_compiled(3)
  end)
end)
