-- Chunks of reduce: the accumulated row comes from a slot, one new row goes out for every input row.
local support = require "tests.spec.codegen.support"
local D = support.decimal.make
local codes = support.codes

local SCHEMA = support.schema("user string; amount double; n int; price decimal(10,2); ts timestamp@; $key string!")

local function runner(fn, schema)
  local nodes = support.nodes(schema or SCHEMA, { { verb = "reduce", fn = fn } })
  return support.runner(nodes)
end

local function row(i) return { user = "u" .. i, amount = i, n = i, price = D "1.50", ts = 1000 + i, ["$key"] = "k" .. i } end

local FUNCTIONS = {
  ["a table"] = function(a, e) return { user = e.user, amount = a.amount + e.amount, price = a.price + e.price } end,
  ["its accumulated record"] = function(a, e) a.amount = a.amount + e.amount a.user = e.user return a end,
  ["its input record"] = function(a, e) e.amount = a.amount + e.amount e.n = nil return e end,
  ["the larger of both"] = function(a, e) if a.amount > e.amount then return a end return e end,
  ["either form"] = function(a, e) if e.n % 2 == 0 then return { user = "even", n = a.n } end return e end,
}

local function copy(t) local c = {} for k, v in pairs(t) do c[k] = v end return c end

-- A result has the event time of the row that came in.
local function timed(r, e)
  r = copy(r)
  r["$time"] = e.ts
  return r
end

-- The same on tables.
local function naive(fn, a, e)
  if not a then return e end
  local from_a, from_e = copy(a), copy(e)
  local r = fn(from_a, from_e)
  if r ~= from_a and r ~= from_e then
    r.ts = r.ts or e.ts -- a table without a time gets the input row's
  end
  r["$key"] = e["$key"]
  return r
end

describe("reduce", function()
  for name, fn in pairs(FUNCTIONS) do
    it(("with a function that returns %s gives what tables give"):format(name), function()
      local seed = os.time()
      math.randomseed(seed)
      local r = runner(fn)
      for _ = 1, 40 do
        local rows, kept, expected = {}, {}, {}
        for i = 1, math.random(150) do
          rows[i], kept[i] = row(math.random(50)), false
          if math.random(4) > 1 then
            kept[i] = row(math.random(50))
            kept[i]["$key"] = rows[i]["$key"]
          end
          expected[i] = timed(naive(fn, kept[i] or nil, rows[i]), rows[i])
        end
        assert.same(support.text(expected), support.text((r:reduce(rows, kept))), "seed " .. seed)
        assert.equal(#rows, r.ctx.slot_index)
      end
      assert.same({}, r.failures)
    end)
  end

  it("copies the first row of a key unchanged and calls no function", function()
    local r = runner(function() error("not called") end)
    local out = r:reduce({ row(1), row(2) }, { false, false })
    assert.same(support.text { timed(row(1), row(1)), timed(row(2), row(2)) }, support.text(out))
  end)

  it("gives no row for one that fails, and goes on", function()
    local r = runner(FUNCTIONS["a table"])
    local bad = row(2)
    bad.amount = nil
    local out = r:reduce({ row(1), bad, row(3) }, { row(1), row(2), row(3) })
    assert.equal(2, #out)
    assert.equal(3, r.ctx.slot_index)
    assert.equal(codes.USER_CODE, r.failures[1].code)
    assert.equal("u2", r.failures[1].row.user)
    assert.same({ { 3, 2, 0, 2 } }, r:counted())
  end)

  it("checks values, keys and required columns", function()
    local one = { text = "x" }
    local function failure(fn, schema)
      local r = runner(fn, schema)
      r:reduce({ row(1) }, { row(1) })
      return r.failures[1].code
    end
    assert.equal(codes.ROW_TYPE, failure(function() return { amount = one.text } end))
    assert.equal(codes.ROW_TYPE, failure(function(_, e) e.n = 0.5 return e end))
    assert.equal(codes.ROW_KEY, failure(function() return { [one.text] = 1 } end))
    assert.equal(codes.ROW_TYPE, failure(function() return nil end))
    assert.equal(codes.REQUIRED, failure(function(a) return { user = a.user } end,
      support.schema "user string; amount double!; n int; price decimal(10,2); ts timestamp@; $key string!"))
  end)

  it("carries a hidden event time from the input row", function()
    local schema = support.schema "user string; $time timestamp!@"
    local r = runner(function(a) return a end, schema)
    local out = r:reduce({ { user = "new", ["$time"] = 9 } }, { { user = "old", ["$time"] = 1 } })
    assert.same({ { user = "old", ["$time"] = 9 } }, out)
  end)

  it("gives the event time of the input row, whichever row is kept", function()
    local r = runner(function(a) return a end)
    assert.same(support.text { timed(row(1), row(5)) }, support.text((r:reduce({ row(5) }, { row(1) }))))
  end)

  it("of a bare stream takes and gives texts", function()
    local schema = support.schema("line string!", true)
    local r = runner(function(a, e) return a .. "," .. e end, schema)
    assert.same({ { line = "a,b" }, { line = "c" } }, (r:reduce({ { line = "b" }, { line = "c" } }, { { line = "a" }, false })))
  end)

  it("holds for many columns", function()
    local fields = {}
    for i = 1, 80 do fields[i] = ("c%d double"):format(i) end
    local schema = support.schema(table.concat(fields, "; "))
    local body = {}
    for i = 1, 80 do body[i] = ("c%d = a.c%d + e.c%d"):format(i, i, i) end
    local r = runner(assert(loadstring("return function(a, e) return { " .. table.concat(body, ", ") .. " } end"))(), schema)
    local a, e, want = {}, {}, {}
    for i = 1, 80 do a["c" .. i], e["c" .. i], want["c" .. i] = i, 2 * i, 3 * i end
    assert.same({ want }, (r:reduce({ e }, { a })))
  end)
end)
