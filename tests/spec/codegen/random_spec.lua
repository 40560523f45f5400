-- Generated chains against a naive implementation on Lua tables, over random rows in random batches: every verb, nulls,
-- failing rows, small and growing outputs, types known and types that rows settle.
local support = require "tests.spec.codegen.support"
local D, I = support.decimal.make, support.int64.parse

local SCHEMA = support.schema("user string; note string; amount double; n int; ok bool; price decimal(10,2); id int64; "
  .. "must int!; ts timestamp!@")

local unknown = setmetatable({}, { __index = function(_, k) return k == "one" and 1 or nil end })

-- Each a list of operators; functions see a record or, in the naive run, a table.
local CHAINS = {
  filters = {
    { verb = "filter", fn = function(e) return e.amount and e.amount > 20 end },
    { verb = "filter", fn = function(e) return e.user == "ann" or e.user == "a name of more than sixteen bytes" end },
  },
  ["texts compared"] = {
    { verb = "filter", fn = function(e) return e.user ~= "bob" and e.note ~= "" end },
    { verb = "map", fn = function(e) return { user = e.user, is = e.note == "12345678", not_x = e.note ~= "1234567" } end },
  },
  ["select and drop"] = {
    { verb = "drop", columns = { "note", "ok" } },
    { verb = "select", columns = { "id", "user", "n", "price" } },
  },
  ["assign"] = {
    { verb = "assign", assigns = {
      { name = "n", fn = function(e) return e.n and e.n * 2 end },
      { name = "shout", fn = function(e) return (e.user or "nobody"):upper() end },
      { name = "copy_of_note", fn = function(e) return e.note end },
      { name = "cheap", fn = function(e) return e.price < 100 end } } },
  },
  ["map to a table"] = {
    { verb = "map", fn = function(e)
      if e.ok then return { who = e.user, total = e.price * 2, kind = "ok" } end
      return { who = e.user, big = e.amount > 50, kind = e.note }
    end },
  },
  ["map by assignment"] = {
    { verb = "map", fn = function(e)
      if e.ok then e.user = "ok " .. (e.user or "") end
      if e.n == nil then e.note = nil end
      e.amount = (e.amount or 0) + 1
      e.twice = e.amount * 2
      return e
    end },
    { verb = "map", fn = function(e) e.thrice = e.twice / 2 * 3 return e end },
    { verb = "filter", fn = function(e) return e.thrice > 30 end },
  },
  ["variables of every type between operators"] = {
    { verb = "assign", assigns = {
      { name = "x", fn = function(e) return e.amount and e.amount / 2 end },
      { name = "count", fn = function(e) return e.n end },
      { name = "yes", fn = function(e) if e.n then return e.ok end end },
      { name = "dear", fn = function(e) return e.price and e.price + 1 end },
      { name = "next_id", fn = function(e) return e.id and e.id + 1 end },
      { name = "word", fn = function(e) return e.note end } } },
    { verb = "map", fn = function(e)
      if e.count then e.dear = e.price e.word = "counted" end
      if e.yes then e.next_id = e.id e.x = nil end
      e.yes = not e.yes
      return e
    end },
    { verb = "filter", fn = function(e) return e.dear == nil or e.dear > 20 end },
    { verb = "map", fn = function(e)
      return { x = e.x, count = e.count, yes = e.yes, dear = e.dear, next_id = e.next_id, word = e.word, must = e.must }
    end },
  },
  ["map that assigns now and then what it does not read"] = {
    { verb = "map", fn = function(e)
      if e.ok then e.note = "fine" end
      if e.n ~= nil then e.must = 7 e.price = D("1.50") else e.price = D("2.50") end
      return e
    end },
  },
  ["map that does either"] = {
    { verb = "map", fn = function(e)
      if e.ok then return { user = "table", amount = 1 } end
      e.amount = 2
      return e
    end, either = true },
  },
  ["flat_map in the middle"] = {
    { verb = "filter", fn = function(e) return e.n ~= nil end },
    { verb = "flat_map", fn = function(e, out)
      for i = 1, e.n % 4 do out { user = e.user, i = i, price = e.price } end
      if e.ok == nil then out { user = "last", i = -1 } end
    end },
    { verb = "filter", fn = function(e) return e.i ~= 2 end },
    { verb = "assign", assigns = { { name = "j", fn = function(e) return e.i + e.price:tonumber() end } } },
  },
  ["flat_map of flat_map"] = {
    { verb = "flat_map", fn = function(e, out) out { a = e.amount, s = e.note } out { a = e.amount + 1 } end },
    { verb = "flat_map", fn = function(e, out) out { b = e.a } if e.s then out { b = e.a * 2, s = e.s } end end },
  },
  ["values with types of their own"] = {
    { verb = "map", fn = function(e)
      return { p = e.price + 1, q = e.price * e.price, i = e.id + e.n, t = e.ts, s = tostring(e.id) .. "/" .. tostring(e.price) }
    end },
  },
  ["everything passes"] = {
    { verb = "map", fn = function(e)
      return { note = e.note, user = e.user, ok = e.ok, id = e.id, price = e.price, must = e.must, ts = e.ts }
    end },
  },
  ["types that rows settle"] = {
    { verb = "map", fn = function(e)
      return { a = e.amount and e.amount * unknown.one, b = unknown.two or e.note, user = e.user, c = e.ok and e.price or nil }
    end },
    { verb = "filter", fn = function(e) return e.a == nil or e.a > 10 end },
    { verb = "assign", assigns = { { name = "d", fn = function(e) return e.a and e.a + 1 end } } },
  },
}

-- --- the naive run
-- -----------------------------------------------------------------------------------------------------

local naive = {}

local function copy(t)
  local c = {}
  for k, v in pairs(t) do c[k] = v end
  return c
end

local function apply(specs, k, row, emit, fail)
  local spec = specs[k]
  if not spec then return emit(row) end
  local function go(r) return apply(specs, k + 1, r, emit, fail) end
  local ok, err = pcall(naive[spec.verb], spec, copy(row), go)
  if not ok then fail(k - 1, err) end
end

function naive.filter(spec, row, go) if spec.fn(row) then go(row) end end
function naive.select(spec, row, go)
  local r = {}
  for _, name in ipairs(spec.columns) do r[name] = row[name] end
  go(r)
end
function naive.drop(spec, row, go)
  for _, name in ipairs(spec.columns) do row[name] = nil end
  go(row)
end
function naive.assign(spec, row, go)
  local r = copy(row)
  for _, a in ipairs(spec.assigns) do r[a.name] = a.fn(copy(row)) end
  go(r)
end
function naive.map(spec, row, go) go(spec.fn(row)) end
function naive.flat_map(spec, row, go) spec.fn(row, function(r) go(copy(r)) end) end

-- --- random rows
-- -------------------------------------------------------------------------------------------------------

local TEXTS = { "ann", "bob", "", "12345678", "1234567", "x", "a name of more than sixteen bytes", "déjà vu", "\0\1",
  ("long "):rep(30) }

local function maybe(share, value) if math.random() < share then return nil end return value end

local function random_row(i, nulls)
  return {
    user = maybe(nulls, TEXTS[math.random(#TEXTS)]), note = maybe(nulls, TEXTS[math.random(#TEXTS)]),
    amount = maybe(nulls, math.random(100) + math.random()), n = maybe(nulls, math.random(-5, 1000)),
    ok = maybe(nulls, math.random(2) == 1), price = maybe(nulls, D(("%d.%02d"):format(math.random(200), math.random(0, 99)))),
    id = maybe(nulls, I("90071992547409" .. math.random(10, 99))), must = i, ts = 1000 + i,
  }
end

local function by_cause(list)
  table.sort(list)
  return list
end

local function visible_text(schema, rows)
  local list = {}
  for i, row in ipairs(rows) do
    local r = {}
    for _, f in ipairs(schema.fields) do if not f.hidden then r[f.name] = row[f.name] end end
    list[i] = r
  end
  return support.text(list)
end

describe("a generated chain", function()
  for name, specs in pairs(CHAINS) do
    for _, options in ipairs {
      { nulls = 0.2, size = 300 }, { nulls = 0, size = 100 }, { nulls = 0.5, size = 3 },
      { nulls = 0.2, size = 200, full = 7, full_bytes = 900 } } do
      it(("%s: gives what a naive run gives (%d%% nulls, batches of %d%s)"):format(name, options.nulls * 100, options.size,
        options.full and ", small output" or ""), function()
        local seed = os.time() + #name
        math.randomseed(seed)
        local nodes = support.nodes(SCHEMA, specs)
        local runner = support.runner(nodes, { full = options.full, full_bytes = options.full_bytes, capacity = 512 })
        local expected, got, failures = {}, {}, {}
        for _ = 1, 12 do
          local batch = {}
          for i = 1, math.random(options.size) do
            batch[i] = random_row(i, options.nulls)
            apply(specs, 1, batch[i], function(r) expected[#expected + 1] = r end, function(k)
              failures[k] = (failures[k] or 0) + 1
            end)
          end
          for _, r in ipairs(runner:batch(batch)) do got[#got + 1] = r end
        end
        -- Columns that no row has shown are settled at the end.
        if support.enter(runner.instance.finish, runner.instance) == 2 then runner:settle() end
        while support.enter(runner.instance.finish, runner.instance) == 1 do
          for _, r in ipairs(runner:take()) do got[#got + 1] = r end
        end
        for _, r in ipairs(runner:take()) do got[#got + 1] = r end
        local schema = runner:schema()
        assert.same(by_cause(visible_text(schema, expected)), by_cause(visible_text(schema, got)), "seed " .. seed)
        local failed = {}
        for _, f in ipairs(runner.failures) do failed[f.node] = (failed[f.node] or 0) + 1 end
        assert.same(failures, failed, "seed " .. seed)
        -- Accounts: what goes in comes out, is filtered or fails; what one operator sends the next receives.
        local before
        for k, c in ipairs(runner:counted()) do
          local filtered, used = c[3], c[4]
          assert.equal(c[1], used + filtered + (failed[k - 1] or 0), "operator " .. k .. ", seed " .. seed)
          if nodes[k].verb ~= "flat_map" then assert.equal(used, c[2]) end
          if before then assert.equal(before, c[1], "seed " .. seed) end
          before = c[2]
        end
        assert.equal(#got, before, "seed " .. seed)
      end)
    end
  end

  it("carries the event time of every row", function()
    for _, specs in pairs(CHAINS) do
      local nodes = support.nodes(SCHEMA, specs)
      local runner = support.runner(nodes)
      local batch = {}
      for i = 1, 50 do batch[i] = random_row(i, 0) end
      for _, r in ipairs(runner:batch(batch)) do
        local time = runner:schema().fields[runner:schema().time_field].name
        assert.is_true(r[time] > 1000 and r[time] <= 1050)
      end
    end
  end)
end)
