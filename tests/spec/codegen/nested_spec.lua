-- Lists, maps, structs and any values in user code: read, walked, given, kept.
local support = require "tests.spec.codegen.support"
local codegen = support.codegen
local null = require "tidemill.null"
local views = require "codegen.views"
local libraries = require "tidemill.libraries"
local pairs, ipairs = libraries.pairs, libraries.ipairs -- as job code has them
local D, I = support.decimal.make, support.int64.parse
local schema, nodes, runner = support.schema, support.nodes, support.runner

local ORDER = schema("id int; tags list(string); lines list(struct(sku string,price decimal(10,2),n int!)); "
  .. "at struct(city string,pos struct(x double,y double),\"post code\" string); stock map(string,int); by_id map(int64,bool); "
  .. "extra any; at_times list(timestamp); flags list(bool); big list(int64)")

local function order(id)
  return { id = id, tags = { "a", "b", null, "long text number " .. id },
    lines = { { sku = "s1", price = D "1.50", n = 2 }, { sku = "s2", n = 0 } },
    at = { city = "Köln", pos = { x = 1.5, y = -2 }, ["post code"] = "50667" },
    stock = { pear = 3, apple = 1, fig = null }, by_id = { [7] = true, [-1] = false },
    extra = { name = "n" .. id, list = { 1, 2.5, "x", null, { deep = true } }, empty = codegen.array {}, none = null, yes = true },
    at_times = { 0, 1700000000000 }, flags = { true, false }, big = { I "9007199254740993", 5 } }
end

-- Runs one verb over rows; gives what comes out and the failures.
local function run(verb, fn, rows, returns, more)
  local spec = { verb = verb, fn = fn, returns = returns and schema(returns) or nil }
  local specs = { spec }
  for _, s in ipairs(more or {}) do specs[#specs + 1] = s end
  local r = runner(nodes(ORDER, specs))
  local out = r:batch(rows or { order(1) })
  return out, r.failures, r
end

local function map(fn, returns, rows) return run("map", fn, rows, returns) end

describe("nested values", function()
  it("are read by index, name and key", function()
    local out, failures = map(function(e)
      return { tag = e.tags[1], last = e.tags[#e.tags], none = e.tags[3], beyond = e.tags[9], zero = e.tags[0], half = e.tags[1.5],
        sku = e.lines[1].sku, price = e.lines[1].price, no_price = e.lines[2].price, city = e.at.city, x = e.at.pos.x,
        post = e.at["post code"], pears = e.stock.pear, figs = e.stock.fig, kiwis = e.stock.kiwi, n = #e.lines, stocks = #e.stock,
        seven = e.by_id[7], minus = e.by_id[-1], eight = e.by_id[8], second = e.at_times[2], flag = e.flags[2], big = e.big[1] }
    end)
    assert.same({}, failures)
    assert.same({ { tag = "a", last = "long text number 1", sku = "s1", price = D "1.50", city = "Köln", x = 1.5, post = "50667",
      pears = 3, n = 2, stocks = 3, seven = true, minus = false, second = 1700000000000, flag = false,
      big = I "9007199254740993" } }, out)
  end)

  it("of a table filled by index end at its largest key, with null where it has nothing", function()
    local function filled(e)
      local t, marked = {}, codegen.array {}
      for i = 1, 9 do
        if e.id % 2 == 0 or i == 1 or i == 3 or i == 8 then t[i], marked[i] = i, i end
      end
      return { list = t, untyped = t, marked = marked, inline = { 1, nil, 3 } }
    end
    local rows = {}
    for id = 1, 200 do rows[id] = { id = id } end
    local out, failures = map(filled, "list list(int); untyped any; marked any; inline list(int)", rows)
    assert.same({}, failures)
    assert.equal(200, #out)
    local whole, gaps = { 1, 2, 3, 4, 5, 6, 7, 8, 9 }, { 1, null, 3, null, null, null, null, 8 }
    for id = 1, 200 do
      local want = id % 2 == 0 and whole or gaps
      for _, name in ipairs { "list", "untyped", "marked" } do
        assert.equal(#want, #out[id][name], name)
        for i = 1, #want do assert.equal(want[i], out[id][name][i]) end
      end
      assert.equal(3, #out[id].inline)
    end
  end)

  it("of a table are an error where its keys are not those of a list", function()
    local function given(make, type)
      local _, failures = map(function() return { v = make() } end, "v " .. type)
      return failures[1] and (failures[1].message or failures[1].text) or "nothing"
    end
    for _, type in ipairs { "any", "list(int)" } do
      assert.matches("v is a list, given a table with the key 404, of only 1 item", given(function() return { [404] = 1 } end, type))
      assert.equal("nothing", given(function() return { [64] = 1 } end, type))
      assert.matches("given a table with the key 65", given(function() return { [65] = 1 } end, type))
    end
    assert.matches('with the key "x"', given(function() return { 1, 2, x = 3 } end, "list(int)"))
    assert.matches("with the key 0", given(function() return { [0] = 1, 2 } end, "list(int)"))
    assert.matches("with the key 1.5", given(function() return { 1, [1.5] = 2 } end, "list(int)"))
    assert.matches('made by tm.array, given a table with the key "x"',
      given(function() return codegen.array { 1, 2, x = 3 } end, "any"))
  end)

  it("give types to columns before any row", function()
    local all = nodes(ORDER, { { verb = "map", fn = function(e)
      for _, line in ipairs(e.lines) do if line.n > 1 then return { sku = line.sku, price = line.price, n = line.n, tags = e.tags } end end
      return { sku = e.tags[2], price = e.lines[1].price, n = 0, tags = e.tags }
    end } })
    assert.equal("n double, price decimal(10,2), sku string, tags list(string)", support.show(all[1].schema))
    all = nodes(ORDER, { { verb = "flat_map", fn = function(e, out)
      for k, v in pairs(e.stock) do out { name = k, count = v, x = e.at.pos.x, when = e.at_times[1] } end
    end } })
    assert.equal("count int, name string, when timestamp, x double", support.show(all[1].schema))
  end)

  it("are walked in order, nulls included", function()
    local out = run("flat_map", function(e, out)
      for i, tag in ipairs(e.tags) do out { at = i, text = tag or "null" } end
      for k, v in pairs(e.stock) do out { at = v or -1, text = k } end
      for k, v in pairs(e.at) do out { at = 0, text = k .. type(v) } end
      for i, line in pairs(e.lines) do out { at = i, text = line.sku } end
    end)
    local texts = {}
    for i, r in ipairs(out) do texts[i] = r.at .. " " .. r.text end
    assert.same({ "1 a", "2 b", "3 null", "4 long text number 1", "1 apple", "-1 fig", "3 pear", "0 citystring", "0 poscdata",
      "0 post codestring", "1 s1", "2 s2" }, texts)
  end)

  it("pass through, are given on and are put together anew", function()
    local out, failures = map(function(e)
      return { tags = e.tags, lines = { e.lines[2], { sku = "new", price = 3, n = 1 } }, where = e.at, stock = { one = 1, nothing = null },
        any = e.lines }
    end, "tags list(string); lines list(struct(sku string,price decimal(10,2),n int!)); where struct(city string,"
      .. "pos struct(x double,y double),\"post code\" string); stock map(string,int); any any")
    assert.same({}, failures)
    assert.same({ { tags = { "a", "b", null, "long text number 1" },
      lines = { { sku = "s2", n = 0 }, { sku = "new", price = D "3.00", n = 1 } },
      where = { city = "Köln", pos = { x = 1.5, y = -2 }, ["post code"] = "50667" }, stock = { nothing = null, one = 1 },
      any = { { sku = "s1", price = D "1.50", n = 2 }, { sku = "s2", n = 0 } } } }, out)
  end)

  it("go through a chain of operators", function()
    local out, failures = run("map", function(e) return { id = e.id, list = { e.id, e.id + 1 }, m = { [e.tags[1]] = e.at.pos.x } } end,
      { order(1), order(2), order(3) }, "id int; list list(int); m map(string,double)", {
        { verb = "filter", fn = function(e) return e.list[2] ~= 3 end },
        { verb = "assign", assigns = { { name = "sum", fn = function(e) return e.list[1] + e.list[2] + e.m.a end } } },
        { verb = "map", fn = function(e) e.list = { e.sum } return e end },
      })
    assert.same({}, failures)
    assert.same({ { id = 1, list = { 4.5 }, m = { a = 1.5 }, sum = 4.5 }, { id = 3, list = { 8.5 }, m = { a = 1.5 }, sum = 8.5 } }, out)
  end)

  it("that are tables without a declared type are any", function()
    local out, failures, r = map(function(e) return { a = { e.id, { x = e.tags[1] } }, b = { name = e.at.city } } end)
    assert.same({}, failures)
    assert.equal("a any, b any", support.show(r.nodes[1].schema))
    assert.same({ { a = { 1, { x = "a" } }, b = { name = "Köln" } } }, out)
  end)

  it("of type any are read like tables", function()
    local out, failures = map(function(e)
      local x = e.extra
      local count = 0
      for _ in pairs(x.list) do count = count + 1 end
      local names = ""
      for k, v in pairs(x) do names = names .. k .. ":" .. type(v) .. " " end
      return { name = x.name, second = x.list[2], deep = x.list[5].deep, none = x.none, missing = x.nothing, n = #x.list, count = count,
        names = names, empty = #x.empty, yes = x.yes, again = x.list }
    end, "name string; second double; deep bool; none string; missing string; n int; count int; names string; empty int; yes bool; "
      .. "again any")
    assert.same({}, failures)
    assert.same({ { name = "n1", second = 2.5, deep = true, n = 5, count = 5, empty = 0, yes = true,
      names = "empty:cdata list:cdata name:string none:nil yes:boolean ", again = { 1, 2.5, "x", null, { deep = true } } } }, out)
  end)

  it("of type any hold decimals exactly, and their scale", function()
    local most = "-0.00000000000000000000000000000000000001"
    local out, failures, r = run("map", function(e)
      local copy = views.copy(e.lines)
      copy[1].sku = "mine"
      return { item = { price = e.lines[1].price, list = { e.lines[1].price * 100, D(most) }, line = e.lines[1] },
        list = { e.lines[1].price }, copy = copy }
    end, { order(1) }, nil, {
      { verb = "filter", fn = function(e) return e.item.price > 1.25 and e.item.list[1] == 150 end },
      { verb = "map", fn = function(e)
        local text = ""
        for k, v in pairs(e.item) do text = text .. k .. "=" .. tostring(v) .. " " end
        return { item = e.item, list = e.list, copy = e.copy, sum = e.item.price + e.item.list[1], text = text, least = e.item.list[2],
          kept = views.copy(e.item).line.price, whole = tostring(e.list) }
      end },
    })
    assert.same({}, failures)
    assert.equal("copy any, item any, kept decimal(38,2), least decimal(38,38), list any, sum decimal(38,2), text string, whole string",
      support.show(r.nodes[3].schema))
    local line = { sku = "s1", price = D "1.50", n = 2 }
    assert.same({ { item = { price = D "1.50", list = { D "150.00", D(most) }, line = line }, list = { D "1.50" },
      copy = { { sku = "mine", price = D "1.50", n = 2 }, { sku = "s2", n = 0 } }, sum = D "151.50", least = D(most), kept = D "1.50",
      text = 'line={ sku = "s1", price = 1.50, n = 2 } list={ 150.00, ' .. most .. " } price=1.50 ", whole = "{ 1.50 }" } }, out)
  end)

  it("of type any keep whole numbers between int64 and 2^64 as such", function()
    local rows = { order(1) }
    rows[1].extra = { b = D "10000000000000000000", top = D "18446744073709551615" }
    local out, failures = run("map", function(e) return { x = { e.extra.b, e.extra.top - 1, e.extra.top + 1 }, b = e.extra.b } end, rows,
      "x any; b any", { { verb = "map", fn = function(e) return { text = tostring(e.x), more = e.b + 1 > e.b } end } })
    assert.same({}, failures)
    assert.same({ { text = "{ 10000000000000000000, 18446744073709551614, 18446744073709551616 }", more = true } }, out)
  end)

  it("of type any may be no container at all", function()
    local rows = {}
    for i, v in ipairs { 5, "text", true, I "9223372036854775807", 2.5, -7 } do
      rows[i] = order(i)
      rows[i].extra = v
    end
    local out, failures = map(function(e) return { x = e.extra, text = tostring(e.extra) } end, "x any; text string", rows)
    assert.same({}, failures)
    local texts = {}
    for i, r in ipairs(out) do texts[i] = r.text end
    assert.same({ "5", "text", "true", "9223372036854775807", "2.5", "-7" }, texts)
  end)

  it("print, join with texts, compare and copy", function()
    local out, failures = map(function(e)
      local copy = e.at:copy()
      copy.city = "Bonn"
      return { text = tostring(e.lines), at = "" .. e.at, same = e.tags == e.tags, other = e.tags == e.at_times, nothing = e.tags == nil,
        copy = copy, tags = e.tags:copy(), whole = e:copy().tags }
    end, "text string; at string; same bool; other bool; nothing bool; copy any; tags list(string); whole list(string)")
    assert.same({}, failures)
    assert.same({ { text = '{ { sku = "s1", price = 1.50, n = 2 }, { sku = "s2", n = 0 } }',
      at = '{ city = "Köln", pos = { x = 1.5, y = -2 }, ["post code"] = "50667" }', same = true, other = false, nothing = false,
      copy = { city = "Bonn", pos = { x = 1.5, y = -2 }, ["post code"] = "50667" }, tags = { "a", "b", null, "long text number 1" },
      whole = { "a", "b", null, "long text number 1" } } }, out)
  end)

  it("kept past their row are an error of the row that uses them", function()
    local kept
    local function fn(e)
      local first = kept and kept[1]
      kept = kept or e.tags
      return { id = e.id, first = first }
    end
    local out, failures = map(fn, "id int; first string", { order(1), order(2) })
    assert.same({ { id = 1 } }, out)
    assert.equal(1, #failures)
    assert.truthy(failures[1].message:find("is used after the call", 1, true))
    assert.truthy(failures[1].message:find("tm.copy", 1, true))
  end)

  it("cannot be changed, and give away nothing of the engine", function()
    for _, fn in ipairs {
      function(e) e.tags[1] = "x" return e end,
      function(e) e.at.city = "x" return e end,
      function(e) e.stock.pear = 1 return e end,
      function(e) e.extra.name = 1 return e end,
      function(e) return { x = e.at.offset } end,
      function(e) local k = "size_bytes" return { x = e.at[k] } end,
      function(e) return { x = e.tags + 1 } end,
    } do
      local ok, out, failures = pcall(map, fn, "x any")
      assert.truthy(not ok or (#out == 0 and #failures == 1))
    end
  end)

  it("that do not fit are errors that name the place", function()
    local function message(value, returns)
      local out, failures = map(function() return { x = value } end, "x " .. returns)
      assert.same({}, out)
      assert.equal(support.codes.ROW_TYPE, failures[1].code)
      return failures[1].message
    end
    local function says(value, returns, text)
      local m = message(value, returns)
      assert.truthy(m:find(text, 1, true), m)
    end
    says({ 1, "x" }, "list(int)", 'x[2] is int, given "x"')
    says({ { a = 1 }, { a = 1.5 } }, "list(struct(a int))", "x[2].a is int, given 1.5")
    says({ a = 1, b = 2 }, "struct(a int)", 'x is a struct without a field "b": it has a')
    says({ city = { naem = "x" } }, "struct(city struct(name string))", 'did you mean "name"?')
    says({ { a = null } }, "list(struct(a int!))", "x[1].a is required and was given null")
    says({ null }, "list(int!)", "x[1] is required")
    says("x", "list(int)", 'x is a list, given "x"')
    says({ a = 1 }, "list(int)", 'x is a list, given a table with the key "a"')
    says({ 1 }, "map(string,int)", "x: a key is string, given 1")
    says({ k = "v" }, "map(string,int)", 'x.k is int, given "v"')
    says({ "\255" }, "list(string)", "x[1] is string")
    says(5, "struct(a int)", "x is a struct, given 5")
    says({ f = print }, "any", "x.f is an any value, given a function")
    local cycle = {}
    cycle.x = cycle
    says(cycle, "any", "more than 128 levels deep")
  end)

  it("that a declared column needs and does not get fail as others do", function()
    local out, failures = map(function() return { x = null } end, "x list(int)!")
    assert.same({}, out)
    assert.equal(support.codes.REQUIRED, failures[1].code)
  end)

  it("have their wrong fields found before any row", function()
    local function fault(fn)
      local ok, err = pcall(nodes, ORDER, { { verb = "map", fn = fn } })
      assert.is_false(ok)
      return err
    end
    local f = fault(function(e) return { x = e.at.ctiy } end)
    assert.equal("UNKNOWN_FIELD", f.code)
    assert.truthy(tostring(f.hint):find('"city"', 1, true))
    assert.equal("UNKNOWN_FIELD", fault(function(e) return { x = e.lines.sku } end).code)
    assert.equal("UNKNOWN_FIELD", fault(function(e) return { x = e.lines[1].sk } end).code)
    assert.equal("UNKNOWN_FIELD", fault(function(e)
      local x
      for _, l in ipairs(e.lines) do x = l.skuu end
      return { x = x }
    end).code)
  end)

  it("are accumulated by reduce", function()
    local r = runner(nodes(schema("k string; tags list(int)"), { { verb = "reduce", fn = function(a, e)
      a.tags = { #a.tags + 1, e.tags[1], a.tags[1] }
      return a
    end } }))
    local out = r:reduce({ { k = "a", tags = { 1 } }, { k = "a", tags = { 2 } } }, { false, { k = "a", tags = { 7, 8 } } })
    assert.same({}, r.failures)
    assert.same({ { k = "a", tags = { 1 } }, { k = "a", tags = { 3, 2, 7 } } }, out)
  end)

  it("wait for types that only rows tell", function()
    local function id(x) return x end
    local r = runner(nodes(ORDER, {
      { verb = "map", fn = function(e) return { x = loadstring and e.at or 0, id = e.id, y = id(e.lines) } end },
      { verb = "map", fn = function(e) return { id = e.id, city = e.x and e.x.city, y = e.y, n = #e.y } end,
        returns = schema("id int; city string; y any; n int") } }))
    local out = r:batch { order(1), order(2) }
    assert.same({}, r.failures)
    assert.equal(2, #out)
    assert.equal("Köln", out[2].city)
    assert.equal(2, out[2].n)
    assert.equal("s1", out[2].y[1].sku)
  end)

  it("of random shapes come out as they went in", function()
    local seed = os.time()
    math.randomseed(seed)
    local SCALARS = { "int", "double", "string", "bool", "decimal(20,4)", "timestamp", "int64", "any" }
    local function random_type(depth)
      local kind = depth == 0 and 9 or math.random(5)
      if kind == 1 then return "list(" .. random_type(depth - 1) .. ")" end
      if kind == 2 then return "map(string," .. random_type(depth - 1) .. ")" end
      if kind == 3 then
        local parts = {}
        for i = 1, math.random(3) do parts[i] = "f" .. i .. " " .. random_type(depth - 1) end
        return "struct(" .. table.concat(parts, ",") .. ")"
      end
      return SCALARS[math.random(#SCALARS)]
    end
    local type_text = require "tidemill.type_text"
    local function random_value(t)
      if t.kind == "list" then
        local list = {}
        for i = 1, math.random(0, 70) % 9 do list[i] = math.random(5) == 1 and null or random_value(t.of[1].type) end
        return #list == 0 and codegen.array(list) or list
      elseif t.kind == "map" then
        local m = {}
        for i = 1, math.random(0, 4) do m["k" .. i * math.random(3)] = math.random(5) == 1 and null or random_value(t.of[2].type) end
        return m
      elseif t.kind == "struct" then
        local s = {}
        for _, f in ipairs(t.of) do if math.random(5) > 1 then s[f.name] = random_value(f.type) end end
        return s
      elseif t.kind == "string" then return ("x"):rep(math.random(0, 30))
      elseif t.kind == "bool" then return math.random(2) == 1
      elseif t.kind == "double" then return math.random() * 1e6
      elseif t.kind == "decimal" then return D(("%d.%04d"):format(math.random(-1e6, 1e6), math.random(0, 9999)))
      elseif t.kind == "int64" then return I(tostring(math.random(-1e9, 1e9)))
      elseif t.kind == "any" then return ({ 5, "x", true, 2.5 })[math.random(4)] end
      return math.random(-1e9, 1e9)
    end
    for _ = 1, 60 do
      local text = random_type(3)
      local s = schema("id int; before string; v " .. text .. "; after string")
      local list = {}
      for i = 1, 20 do
        list[i] = { id = i, before = ("b"):rep(i % 9), v = random_value(type_text.tree(text)), after = ("a"):rep(i % 7) }
      end
      local r = runner(nodes(s, { { verb = "map", fn = function(e) return { after = e.after, v = e.v, copy = e.v, id = e.id } end,
        returns = schema("after string; v " .. text .. "; copy " .. text .. "; id int") } }))
      local out = r:batch(list)
      assert.same({}, r.failures, "seed " .. seed .. " " .. text)
      for i, row in ipairs(out) do
        assert.same({ after = list[i].after, v = list[i].v, copy = list[i].v, id = i }, row, "seed " .. seed .. " " .. text)
      end
    end
  end)
end)

describe("a view", function()
  it("has no member that a script can name", function()
    local r = runner(nodes(ORDER, { { verb = "filter", fn = function(e)
      for _, name in ipairs { "at", "row", "length", "offset", "address", "ptr", "base", "p" } do
        local ok, value = pcall(function() return e.tags[name] end)
        assert(not ok or value == nil)
      end
      return true
    end } }))
    r:batch { order(1) }
    assert.same({}, r.failures)
    assert.is_nil(views.type_of("x"))
  end)
end)
