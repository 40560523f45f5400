-- Chunks of custom aggregates: add and merge change accumulators where they lie, wholly or not at all.
local support = require "tests.spec.codegen.support"
local ffi = require "ffi.init"
local accumulate = require "codegen.accumulate"
local layout = require "ffi.layout"
local D, I = support.decimal.make, support.int64.parse
local codes = support.codes

local INPUT = support.schema("user string; amount double; n int; ok bool; price decimal(10,2); id int64; ts timestamp@; tags list(string)")
local STATE = support.schema("sum double; n int; ok bool; price decimal(12,2); ids int64; at timestamp; names string; tags list(string)")
local DEFAULTS = { 0, 0, false, D "0", I "0", nil, "", nil }

local function custom(add, merge)
  return { schema = STATE, defaults = DEFAULTS, add = add, merge = merge or function(a, b) a.n = a.n + b.n end }
end

-- Accumulators and chunks that work on them.
local Bench = {}
Bench.__index = Bench
local function bench(made, count)
  local l = layout.of(made.schema)
  local b = setmetatable({ made = made, layout = l, size = l.fixed_bytes / 8 }, Bench)
  b.memory = ffi.new("uint64_t[?]", b.size * count)
  b.slots = ffi.new("uint8_t *[4096]")
  b.nodes = support.custom(INPUT, made)
  b.runner = support.runner(b.nodes, { among = { role = "add" } })
  return b
end

function Bench:at(i) return ffi.cast("uint8_t *", self.memory + i * self.size) end

---Adds rows, row i to the accumulator numbers[i]; false: to none.
function Bench:add(list, numbers)
  for i in ipairs(list) do self.slots[i - 1] = numbers[i] and self:at(numbers[i]) or nil end
  self.runner.ctx.slots, self.runner.ctx.slot_index = self.slots, 0
  local buffer, size = support.buffer(INPUT, list)
  self.runner:give(buffer, size)
  local rc = support.enter(self.runner.instance.run, self.runner.instance)
  assert.equal(0, self.runner.ctx.in_rows)
  return rc
end

---Merges accumulators: { { to, from }, ... }.
function Bench:merge(pairs_of)
  local failures, blobs = self.runner.failures, self.runner.blobs
  local runner = support.runner(self.nodes, { among = { role = "merge" } })
  runner.failures, runner.blobs = failures, blobs
  for i, p in ipairs(pairs_of) do self.slots[2 * i - 2], self.slots[2 * i - 1] = self:at(p[1]), self:at(p[2]) end
  runner.ctx.slots, runner.ctx.slot_index, runner.ctx.in_rows = self.slots, 0, #pairs_of
  runner.ctx["in"], runner.ctx.in_end = self.slots[1], self.slots[1]
  return support.enter(runner.instance.run, runner.instance)
end

---What an accumulator holds; nil: no row yet.
function Bench:read(i)
  local row = ffi.cast(self.layout.pointer, self:at(i))
  if row.size_bytes == 0 then return nil end
  local values = {}
  for _, f in ipairs(self.layout.fields) do
    if bit.band(row[f.null_member], f.null_bit) == 0 then
      if f.reference then
        local ref = row[f.member]
        local bytes = ref.offset == 0 and "" or ffi.string(self.runner.blobs[ref.offset], ref.length)
        values[f.name] = f.view and { type = f.type, bytes = bytes } or bytes
      elseif f.kind == "decimal" then values[f.name] = tostring(support.decimal.type(row[f.member].low, row[f.member].high, f.scale))
      elseif f.kind == "bool" then values[f.name] = row[f.member] ~= 0
      else values[f.name] = tonumber(row[f.member]) end
    end
  end
  return values
end

local function row(i)
  return { user = "u" .. i, amount = i / 4, n = i, ok = i % 5 == 0, price = D "1.50", id = I(tostring(i)), ts = 1000 + i,
    tags = { "a" .. i, "b" } }
end

local function add_all(a, e)
  a.sum, a.n, a.ok, a.price, a.ids, a.at = a.sum + e.amount, a.n + 1, a.ok or e.ok, a.price + e.price, a.ids + e.id, e.ts
  a.names = #a.names < 3000 and a.names .. e.user or ""
  a.tags = e.tags
end

describe("a custom aggregate", function()
  it("adds rows as tables would, whatever their order", function()
    local seed = os.time()
    math.randomseed(seed)
    local b, expected = bench(custom(add_all), 20), {}
    for _ = 1, 60 do
      local list, numbers = {}, {}
      for i = 1, math.random(200) do
        list[i], numbers[i] = row(math.random(1000)), math.random(4) > 1 and math.random(0, 19)
        local n = numbers[i]
        if n then
          local a = expected[n] or { sum = 0, n = 0, ok = false, price = D "0", ids = I "0", names = "" }
          add_all(a, list[i])
          expected[n] = a
        end
      end
      assert.equal(0, b:add(list, numbers))
    end
    assert.same({}, b.runner.failures)
    for i = 0, 19 do
      local want, got = expected[i], b:read(i)
      assert.equal("list(string)", got.tags.type)
      want.price, want.ids, want.tags, got.tags = tostring(want.price), want.ids:tonumber(), nil, nil
      want.price = tostring(D(want.price))
      assert.same(want, got, "seed " .. seed)
    end
  end)

  it("merges as its function says, and leaves what it takes from alone", function()
    local b = bench(custom(add_all, function(a, b)
      a.sum, a.n, a.names, a.tags = a.sum + b.sum, a.n + b.n, a.names .. "+" .. b.names, b.tags
      a.at = nil
    end), 3)
    b:add({ row(1), row(2), row(3) }, { 0, 1, 1 })
    local from = b:read(1)
    assert.equal(0, b:merge { { 0, 1 } })
    assert.same(from, b:read(1))
    local a = b:read(0)
    assert.same({ 1.5, 3, "u1+u2u3", nil }, { a.sum, a.n, a.names, a.at })
    assert.equal(from.tags.bytes, a.tags.bytes)
    assert.equal(0, b:merge { { 0, 1 }, { 0, 1 } })
    assert.equal(7, b:read(0).n)
    assert.same({}, b.runner.failures)
  end)

  it("goes on where it stopped: a run may be cut", function()
    local whole, list, numbers = bench(custom(add_all), 9), {}, {}
    for i = 1, 100 do list[i], numbers[i] = row(i), i * 7 % 9 end
    whole:add(list, numbers)
    local cut = bench(custom(add_all), 9)
    local run = cut.runner.instance
    cut.runner.instance = { run = function()
      local rows = cut.runner.ctx.in_rows
      for _, part in ipairs { 33, 1, rows - 34 } do
        cut.runner.ctx.in_rows = part
        assert.equal(0, run:run())
      end
    end }
    cut:add(list, numbers)
    assert.equal(100, cut.runner.ctx.slot_index)
    for i = 0, 8 do assert.same(whole:read(i), cut:read(i)) end
  end)

  it("begins with the defaults", function()
    local made = { schema = support.schema "a int; b double; c string; d bool; e decimal(5,1); f int64; g timestamp; h int",
      defaults = { 7, 0.5, "text", true, D "1.5", I "-3", 1000, nil }, add = function() end }
    local b = bench(made, 1)
    b:add({ row(1) }, { 0 })
    assert.same({ a = 7, b = 0.5, c = "text", d = true, e = "1.5", f = -3, g = 1000 }, b:read(0))
  end)

  it("is as before after a row that failed", function()
    local b = bench(custom(function(a, e)
      a.n = a.n + 1
      a.names = "changed"
      a.sum = a.sum + e.amount
    end), 2)
    local bad = row(2)
    bad.amount = nil
    b:add({ row(1), bad, bad, row(3) }, { 0, 0, 1, 0 })
    assert.equal(2, #b.runner.failures)
    assert.equal(codes.USER_CODE, b.runner.failures[1].code)
    assert.same({ 2, 1 }, { b:read(0).n, b:read(0).sum })
    assert.is_nil(b:read(1)) -- no row has made it
  end)

  it("is as before after a value that does not fit", function()
    for _, case in ipairs {
      { function(a) a.n = 1 a.n = 0.5 end, "0.5 is not a whole number" },
      { function(a) a.names = 5 end, 'column "names" is string, given 5' },
      { function(a) a.tags = { 1 } end, "tags" },
      { function(a) a.n = 1 a["to" .. "tal"] = 2 end, "the accumulator has no field \"total\"" },
      { function(a) a.n = 1 return a.missing == nil and 7 or nil end, "missing", true },
      { function(a, e) a.n = 1 return tostring(e) == "" and a or setmetatable({}, {}) end, "add returned" },
    } do
      local ok, b = pcall(bench, custom(case[1]), 1)
      if case[3] then
        assert.is_false(ok)
        assert.truthy(tostring(b):find(case[2], 1, true), tostring(b))
      else
        assert.is_true(ok, tostring(b))
        b:add({ row(1) }, { 0 })
        assert.equal(1, #b.runner.failures)
        assert.truthy(b.runner.failures[1].message:find(case[2], 1, true), b.runner.failures[1].message)
        assert.is_nil(b:read(0))
      end
    end
  end)

  it("fails a merge alone, and the accumulator is as before", function()
    local b = bench(custom(add_all, function(a, b)
      a.n = 100
      if b.n > 1 then error("no more") end
    end), 3)
    b:add({ row(1), row(2), row(3), row(4) }, { 0, 1, 1, 2 })
    b:merge { { 0, 1 }, { 2, 0 } }
    assert.equal(1, #b.runner.failures)
    assert.same({ 1, 2, 100 }, { b:read(0).n, b:read(1).n, b:read(2).n })
  end)

  it("stops when there is no memory for a text", function()
    local b = bench(custom(function(a, e) a.names = e.user end), 1)
    b:add({ row(1) }, { 0 })
    support.codegen.set_c { tm_chain_keep = function() return codes.MEMORY end }
    b.runner = setmetatable({ instance = support.codegen.instance(b.nodes, b.runner.ctx, { role = "add" }) }, { __index = b.runner })
    local buffer, size = support.buffer(INPUT, { row(2), row(3) })
    b.runner.ctx.slot_index = 0
    b.runner:give(buffer, size)
    assert.equal(codes.MEMORY, support.enter(b.runner.instance.run, b.runner.instance))
  end)

  it("of many fields is a chunk all the same", function()
    local parts, defaults = {}, {}
    for i = 1, 150 do parts[i], defaults[i] = ("f%d int"):format(i), 0 end
    local b = bench({ schema = support.schema(table.concat(parts, "; ")), defaults = defaults, add = function(a, e)
      for i = 1, 150 do
        local k = "f" .. i
        a[k] = a[k] + e.n
      end
    end }, 1)
    b:add({ row(1), row(2) }, { 0, 0 })
    assert.same({}, b.runner.failures)
    assert.equal(3, b:read(0).f150)
  end)

  it("takes a bare text", function()
    local nodes = support.custom(support.schema("line string", true), { schema = support.schema "n int", defaults = { 0 },
      add = function(a, line) a.n = a.n + #line end })
    assert.truthy(accumulate.generate(accumulate.nodes(nodes[1], "add")):find("in_line()", 1, true))
  end)
end)

describe("the analysis of a custom aggregate", function()
  local function fault_of(made)
    local ok, err = pcall(support.custom, INPUT, made)
    assert.is_false(ok)
    return err
  end

  it("knows what add reads of its rows", function()
    local node = support.custom(INPUT, custom(function(a, e) a.sum = a.sum + e.amount end))[1]
    assert.same({ amount = true }, node.reads)
    node = support.custom(INPUT, custom(function(a, e) a.names = tostring(e) end))[1]
    assert.is_true(node.reads == true)
  end)

  it("refuses fields that are not there, and changes of what is not the accumulator", function()
    assert.equal("ROW_KEY", fault_of(custom(function(a, e) a.total = e.amount end)).code)
    assert.equal("UNKNOWN_FIELD", fault_of(custom(function(a, e) a.sum = a.summ + e.amount end)).code)
    assert.equal("UNKNOWN_FIELD", fault_of(custom(function(a, e) a.sum = e.price2 end)).code)
    assert.equal("ROW_KEY", fault_of(custom(function(a, e) e.amount = a.sum end)).code)
    assert.equal("ROW_KEY", fault_of(custom(function() end, function(_, b) b.n = 1 end)).code)
    assert.equal("TYPE", fault_of(custom(function(a, e) return a.sum + e.amount end)).code)
    assert.equal("TYPE", fault_of(custom(function(a, e) return { sum = a.sum + e.amount } end)).code)
  end)

  it("lets the accumulator be returned", function()
    local b = bench(custom(function(a) a.n = a.n + 1 return a end), 1)
    b:add({ row(1) }, { 0 })
    assert.equal(1, b:read(0).n)
  end)
end)
