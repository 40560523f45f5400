-- Structs that functions give as tables: written by their shape, without the tables where nobody else has them, texts as slices.
local support = require "tests.spec.codegen.support"
local null = require "tidemill.null"
local libraries = require "tidemill.libraries"
local pairs, ipairs = libraries.pairs, libraries.ipairs -- as job code has them
local D, I = support.decimal.make, support.int64.parse
local schema, nodes, runner = support.schema, support.nodes, support.runner

local ORDER = schema("id int; name string; at struct(city string,pos struct(x double,y double),code bytes); "
  .. "lines list(struct(sku string,n int)); tags list(string); price decimal(10,2); big int64; ok bool; ts timestamp; extra any")

local function order(id, more)
  local o = { id = id, name = "name " .. id, at = { city = "Köln", pos = { x = 1.5, y = -2 }, code = "\255\1" },
    lines = { { sku = "s1", n = 2 }, { sku = "a longer text than two words", n = 0 } }, tags = { "a", "b" }, price = D "1.50",
    big = I "9007199254740993", ok = true, ts = 1700000000000, extra = { a = 1 } }
  for k, v in pairs(more or {}) do if v == null then o[k] = nil else o[k] = v end end
  return o
end

local function run(fn, returns, rows, verb)
  local chain = nodes(ORDER, { { verb = verb or "map", fn = fn, returns = schema(returns) } })
  local r = runner(chain)
  return r:batch(rows or { order(1) }), r.failures, chain[1].codegen
end

local AT = "at struct(city string,pos struct(x double,who string),code bytes)"

describe("a struct that is given as a table", function()
  it("of tables has none of them made where they are only stored", function()
    local out, failures, codegen = run(function(e)
      return { at = { city = e.at.city, pos = { x = e.at.pos.x, who = e.name } } }
    end, AT)
    assert.same({}, failures)
    assert.same({ { at = { city = "Köln", pos = { x = 1.5, who = "name 1" } } } }, out)
    assert.is_function(codegen.flat)
    assert.is_true(codegen.shapes.at.flat)
  end)

  it("has the fields that its table begins with", function()
    local out, failures, codegen = run(function(e)
      return { at = { city = "Bonn", pos = { x = 7, who = e.name }, code = "c" }, id = e.id }
    end, AT .. "; id int")
    assert.same({}, failures)
    assert.same({ { id = 1, at = { city = "Bonn", pos = { x = 7, who = "name 1" }, code = "c" } } }, out)
    assert.is_function(codegen.flat)
  end)

  it("may be nil or null, and have fields that are", function()
    local out, failures = run(function(e)
      return { at = e.id > 1 and { city = e.at.city, pos = e.id > 2 and { who = e.name } or nil } or nil }
    end, AT, { order(1), order(2), order(3, { name = null }) })
    assert.same({}, failures)
    assert.same({ {}, { at = { city = "Köln" } }, { at = { city = "Köln", pos = {} } } }, out)
    out, failures = run(function(e)
      local at = null
      if e.id == 2 then at = { city = null, pos = null, code = e.at.code } end
      return { at = at, id = e.id }
    end, AT .. "; id int", { order(1), order(2), order(1, { at = null }) })
    assert.same({}, failures)
    assert.same({ { id = 1 }, { id = 2, at = { code = "\255\1" } }, { id = 1 } }, out)
  end)

  it("may be one of several", function()
    local out, failures, codegen = run(function(e)
      if e.ok then return { at = { city = "yes", pos = { x = e.id } } } end
      return { at = { city = e.name } }
    end, AT, { order(1), order(2, { ok = false }) })
    assert.same({}, failures)
    assert.same({ { at = { city = "yes", pos = { x = 1 } } }, { at = { city = "name 2" } } }, out)
    assert.is_nil(codegen.flat) -- they begin with different fields
    out = run(function(e) return { at = e.ok and { city = e.at.city } or { pos = { x = e.id } } } end, AT,
      { order(1), order(2, { ok = false }) })
    assert.same({ { at = { city = "Köln" } }, { at = { pos = { x = 2 } } } }, out)
  end)

  it("is a table to who looks at it", function()
    local kept
    local out, failures = run(function(e)
      local at = { city = e.at.city }
      at.pos = { x = #at.city }
      at.pos.who = at.city .. "!"
      kept = at.pos
      local r = { at = at }
      r.again = r.at
      return r
    end, AT .. "; again struct(city string,pos struct(x double,who string),code bytes)")
    assert.same({}, failures)
    local at = { city = "Köln", pos = { x = 5, who = "Köln!" } }
    assert.same({ { at = at, again = at } }, out)
    assert.same(at.pos, kept)
  end)

  it("is another in every turn of a loop", function()
    local out, failures = run(function(e, emit)
      local row = {}
      for i = 1, 3 do
        local at = { city = e.name }
        if i == 2 then at.code = "two" end
        row.at = at
        emit(row)
      end
    end, AT, nil, "flat_map")
    assert.same({}, failures)
    assert.same({ { at = { city = "name 1" } }, { at = { city = "name 1", code = "two" } }, { at = { city = "name 1" } } }, out)
    out = run(function(e, emit)
      for i, line in ipairs(e.lines) do emit { at = { city = line.sku, pos = { x = i } } } end
    end, AT, nil, "flat_map")
    assert.same({ { at = { city = "s1", pos = { x = 1 } } }, { at = { city = "a longer text than two words", pos = { x = 2 } } } }, out)
  end)

  it("takes lists, views, maps and any values in its fields", function()
    local out, failures = run(function(e)
      return { o = { tags = e.tags, lines = { { sku = e.name, n = 1 } }, at = e.at, stock = { pear = 1 }, extra = e.extra,
        all = { 1, e.name }, name = e.name, first = e.tags[1] } }
    end, "o struct(tags list(string),name string,lines list(struct(sku string,n int)),first string,extra any,"
      .. "at struct(city string,pos struct(x double,y double),code bytes),stock map(string,int),all any)")
    assert.same({}, failures)
    assert.same({ { o = { tags = { "a", "b" }, lines = { { sku = "name 1", n = 1 } }, stock = { pear = 1 }, name = "name 1",
      at = { city = "Köln", pos = { x = 1.5, y = -2 }, code = "\255\1" }, extra = { a = 1 }, all = { 1, "name 1" },
      first = "a" } } }, out)
  end)

  it("takes values of every type", function()
    local out, failures = run(function(e)
      return { o = { p = e.price, big = e.big, ok = e.ok, ts = e.ts, code = e.at.code, n = e.id, s = "n" .. e.id, q = 2.5 } }
    end, "o struct(p decimal(10,2),big int64,ok bool,ts timestamp,code bytes,n int,s string,q decimal(10,3))", { order(1),
      order(2, { price = null, big = null, ok = false, ts = null, at = { city = "c" } }) })
    assert.same({}, failures)
    assert.same({ { o = { p = D "1.50", big = I "9007199254740993", ok = true, ts = 1700000000000, code = "\255\1", n = 1, s = "n1",
      q = D "2.500" } }, { o = { ok = false, n = 2, s = "n2", q = D "2.500" } } }, out)
  end)

  it("is written whole, however long its texts are", function()
    local long = ("x"):rep(100000)
    local out, failures = run(function(e) return { at = { city = e.name, pos = { who = e.at.city } } } end, AT,
      { order(1, { name = long, at = { city = long .. "y" } }), order(2, { name = "", at = { city = ("z"):rep(16) } }) })
    assert.same({}, failures)
    assert.same({ { at = { city = long, pos = { who = long .. "y" } } }, { at = { city = "", pos = { who = ("z"):rep(16) } } } }, out)
  end)

  it("that does not fit fails with the way to what is wrong", function()
    local function message(fn, returns, rows)
      local out, failures = run(fn, returns or AT, rows)
      assert.same({}, out)
      return failures[1].message
    end
    assert.matches("at.pos.x is double, given .*Köln",
      message(function(e) return { at = { city = e.name, pos = { x = e.at.city, who = e.name } } } end))
    assert.matches("at.city is string, given 5", message(function(e) return { at = { city = e.id + 4, pos = { who = e.name } } } end))
    assert.matches("at is a struct without a field \"town\"", message(function(e) return { at = { town = e.name } } end))
    assert.matches("at.pos is a struct, given ", message(function(e) return { at = { pos = e.name } } end))
    assert.matches("at.a is required and was given null",
      message(function(e) return { at = { a = e.name, b = 1 } } end, "at struct(a string!,b int)", { order(1, { name = null }) }))
    assert.matches("at.a is required", message(function(e) return { at = { b = e.id } } end, "at struct(a string!,b int)"))
    assert.matches("at.tags%[2%] is int, given .*b", message(function(e) return { at = { tags = { 1, e.tags[2] }, n = e.id } } end,
      "at struct(tags list(int),n int)"))
  end)
end)

describe("a text in a list or struct of a record", function()
  it("is the same whether it is copied, compared or put together", function()
    local out, failures = run(function(e)
      local at, line = e.at, e.lines[2]
      return { city = at.city, is = at.city == "Köln", sku = line.sku, both = line.sku .. at.city, o = { a = at.city, b = line.sku } }
    end, "city string; is bool; sku string; both string; o struct(a string,b string)")
    assert.same({}, failures)
    local sku = "a longer text than two words"
    assert.same({ { city = "Köln", is = true, sku = sku, both = sku .. "Köln", o = { a = "Köln", b = sku } } }, out)
  end)

  it("is a string in copies, keys, calls and tables that stay", function()
    local kept, count = {}, {}
    local out, failures = run(function(e)
      local at = e.at
      kept.at, kept.copy = at:copy(), e.lines[1]:copy()
      count[at.city] = (count[at.city] or 0) + 1
      kept.upper = at.city:upper()
      for _, line in ipairs(e.lines) do kept[#kept + 1] = line.sku end
      return { o = { a = at.city, b = e.lines[1].sku } }
    end, "o struct(a string,b string)")
    assert.same({}, failures)
    assert.same({ { o = { a = "Köln", b = "s1" } } }, out)
    assert.same({ at = { city = "Köln", pos = { x = 1.5, y = -2 }, code = "\255\1" }, copy = { sku = "s1", n = 2 },
      upper = "KöLN", "s1", "a longer text than two words" }, kept)
    assert.same({ ["Köln"] = 1 }, count)
  end)

  it("is a string where the view it is of may be another's", function()
    local out, failures = run(function(e)
      local first = e.lines[1]
      local line = e.ok and first or e.lines[2]
      local t = { line = line }
      return { a = line.sku, b = first.sku, c = t.line.sku, o = { s = line.sku } }
    end, "a string; b string; c string; o struct(s string)", { order(1), order(2, { ok = false }) })
    assert.same({}, failures)
    local long = "a longer text than two words"
    assert.same({ { a = "s1", b = "s1", c = "s1", o = { s = "s1" } }, { a = long, b = "s1", c = long, o = { s = long } } }, out)
  end)
end)

describe("a row with structs", function()
  it("takes no memory from Lua", function()
    local chain = nodes(ORDER, { { verb = "map", fn = function(e)
      local n = 0
      for i = 1, #e.lines do n = n + e.lines[i].n end
      local at = e.at
      return { id = e.id, n = n, at = { city = at.city, pos = { x = at.pos.x, who = e.name } }, tags = e.tags }
    end, returns = schema("id int; n int; " .. AT .. "; tags list(string)") } })
    local r = runner(chain, { full = 65536, full_bytes = 4096 * 1024, capacity = 4096 * 1024 })
    local rows = {}
    for i = 1, 1000 do rows[i] = order(i) end
    local buffer, bytes = support.buffer(ORDER, rows)
    local function enter() r.instance:run() end
    local function batches(count)
      for _ = 1, count do
        r:give(buffer, bytes)
        r.ctx.out_size, r.ctx.out_rows = 0, 0
        string.gsub("x", "x", enter)
      end
    end
    batches(60)
    assert.is_true(r.instance.heat.compiled)
    collectgarbage()
    collectgarbage("stop")
    local before = collectgarbage("count")
    batches(20)
    local taken = (collectgarbage("count") - before) * 1024 / 20000
    collectgarbage("restart")
    assert.is_true(taken < 4, taken .. " bytes a row")
  end)
end)
