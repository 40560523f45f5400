-- Schemas of functions from their bytecode: columns, types, order, event time, what is read, and what is said of
-- functions that cannot be followed.
local support = require "tests.spec.codegen.support"
local place = require "tidemill.place"
local schema, show = support.schema, support.show

local EVENT = schema "user string; amount double; n int; id int64; price decimal(10,2)!; ok bool; ts timestamp@"

local function derive(spec, input)
  return support.nodes(input or EVENT, { spec })[1]
end
local function map(fn, returns, input) return derive({ verb = "map", fn = fn, returns = returns }, input) end
local function columns(node) return show(node.schema) end
local function reads(node)
  if node.reads == true then return "all" end
  local names = {}
  for name in pairs(node.reads) do names[#names + 1] = name end
  table.sort(names)
  return table.concat(names, " ")
end
local function fault(fn, ...)
  local ok, f = pcall(fn, ...)
  assert.is_false(ok, "no error was raised")
  assert.is_table(f, tostring(f))
  return f
end

-- What a file of the job gives.
local function from_file(name, text)
  local main = assert(loadstring(text, "@" .. name))
  place.add_file(name, text)
  place.enter(main, name)
  local fns = { main() }
  place.leave()
  return unpack(fns)
end

describe("a map that returns a table", function()
  it("has the keys of all branches, with types that follow from the input's", function()
    local node = map(function(e)
      if e.ok then return { name = e.user, total = e.amount * 2 } end
      local t = { name = "none", big = e.amount > 5 }
      t.label = e.user .. "!"
      return t
    end)
    assert.equal("big bool, label string, name string, total double, $time timestamp", columns(node))
    assert.equal("amount ok user", reads(node))
  end)

  it("knows that what is false in `a and b` is nil or false", function()
    local node = map(function(e) return e.user:find("x", 1, true) and { name = e.user, size = e.n and e.n * 2, ok = e.ok and e.n > 1 } end)
    assert.equal("name string, ok bool, size double, $time timestamp", columns(node))
  end)

  it("keeps types of untouched copies and makes doubles of calculations", function()
    local node = map(function(e) return { n = e.n, m = e.n + 1, k = e.id, s = e.id + 1, p = e.price, at = e.ts } end)
    assert.equal("at timestamp, k int64, m double, n int, p decimal(10,2)!, s int64", columns(node))
    assert.equal("n", node.passes.n)
    assert.equal("price", node.passes.p)
    assert.is_nil(node.passes.m)
    assert.equal(1, node.schema.time_field) -- the time goes on under another name
  end)

  it("follows decimal rules", function()
    local node = map(function(e)
      return { a = e.price + e.price, b = e.price * e.price, c = e.price / 3, d = e.price * 0.25, e = e.price * e.amount,
        f = -e.price, g = e.price * e.n }
    end)
    assert.equal("a decimal(38,2), b decimal(38,4), c decimal(38,6), d decimal(38,4), e ?, f decimal(38,2), "
      .. "g decimal(38,2), $time timestamp", columns(node))
  end)

  it("follows the script's own functions", function()
    local function score(w) return w.amount > 10 and 1 or 0.5 end
    local function tag(name) return "#" .. name end
    local node = map(function(e) return { s = score(e), t = tag(e.user), u = tag(1) } end)
    assert.equal("s double, t string, u string, $time timestamp", columns(node))
    assert.equal("amount user", reads(node))
  end)

  it("has ? where it does not follow, never a guess", function()
    local unknown = setmetatable({}, { __index = function() return 1 end })
    local node = map(function(e) return { a = unknown.x, b = unknown.x .. "y", c = unknown:lower(), d = e.ok and e.user or 5 } end)
    assert.equal("a ?, b ?, c ?, d ?, $time timestamp", columns(node))
  end)

  it("reads what a row has from the record where only some branches say so", function()
    assert.equal("n user", reads(map(function(e) if e.user == "a" then e.n = 1 end return e end)))
    assert.equal("user", reads(map(function(e) e.n = 1 return e.user == "a" and e or nil end)))
    assert.equal("amount user", reads(map(function(e) if e.user == "a" then return { amount = 1 } end return e end, nil,
      schema "user string; amount double")))
    assert.equal("n", reads(derive({ verb = "flat_map", fn = function(e, out) out(e) out { n = 1 } end }, schema "n int")))
  end)

  it("is found in functions that were compiled before", function()
    local function sum(e)
      local all = 0
      for _, v in ipairs(e.list) do all = all + v * e.n end
      for k in pairs(e.list) do all = all + k end
      return { all = all }
    end
    for _ = 1, 300 do sum { list = { 1, 2, 3 }, n = 1 } end
    assert.equal("list n", reads(map(sum, nil, schema "n int; list list(int)")))
  end)

  it("reads everything when the record goes where it is not followed", function()
    local sink = setmetatable({}, { __call = function() end })
    assert.equal("all", reads(map(function(e) sink(e) return { a = e.user } end)))
    assert.equal("all", reads(map(function(e) local k = sink return { a = e[k] } end)))
    assert.equal("all", reads(map(function(e) return { a = tostring(e) } end)))
  end)

  it("passes on the columns of a copy, but for lists, maps and structs that the function takes from it", function()
    local input = schema "s struct(n string); l list(int); x any; n int"
    local node = map(function(e) return e:copy() end, nil, input)
    assert.same({ s = "s", l = "l", x = "x", n = "n" }, node.passes)
    node = map(function(e) local c = e:copy() c.s.n = "new" return c end, nil, input)
    assert.same({ l = "l", x = "x", n = "n" }, node.passes)
    node = map(function(e) local c = e:copy() local x = c.x x.y, c.l[1] = 1, 2 return c end, nil, input)
    assert.same({ s = "s", n = "n" }, node.passes)
  end)

  it("knows the types of parts of a copy as long as nobody can change them", function()
    local input = schema "s struct(n string); l list(int)"
    local node = map(function(e) local c = e:copy() return { n = c.s.n, l = c.l[1] } end, nil, input)
    assert.equal("l int, n string", columns(node))
    node = map(function(e) local c = e:copy() c.s.n = 5 return { n = c.s.n, s = c.s } end, nil, input)
    assert.equal("n ?, s struct(n string)", columns(node))
  end)

  it("knows e:copy()", function()
    local node = map(function(e) local c = e:copy() c.user = nil c.twice = e.amount * 2 return c end)
    assert.equal("user string, amount double, n int, id int64, price decimal(10,2)!, ok bool, ts timestamp, twice double",
      columns(node))
    assert.equal("amount", node.passes.amount)
  end)

  it("stands in the order of the job's text", function()
    local text = "return function(e)\n  if e.ok then return { zeta = 1, alpha = e.n } end\n"
      .. "  local t = { beta = 2 } -- gamma = 1\n  t.aa = 3\n  return t\nend"
    local fn = from_file("order.lua", text)
    assert.equal("zeta double, alpha int, beta double, aa double, $time timestamp", columns(map(fn)))
  end)

  it("stands in its own order where several functions are on one line", function()
    local one, two, three = from_file("line.lua", "local function make(e) return { y = 1, b = e.n } end "
      .. "return function(e) return { z = 1, a = e.n } end, function(e) return { a = e.n, z = 1 } end, "
      .. "function(e) local a = e.n if a then return { z = a, y = 2, a = 1 } end return make(e) end")
    assert.equal("z double, a int, $time timestamp", columns(map(one)))
    assert.equal("a int, z double, $time timestamp", columns(map(two)))
    assert.equal("z int, y double, a double, b int, $time timestamp", columns(map(three)))
  end)

  it("has the columns that are given nil itself", function()
    local one, two, three = from_file("nils.lua", "return function(e) return { b = nil, a = e.n, ['c d'] = nil } end, "
      .. "function(e) local t = { x = nil } if e.ok then return { a = nil; b = 1 } end return { a = e.n, t = t.x } end,"
      .. "function(e) return { a = e.n, b = { c = nil } == nil } end")
    assert.equal("b ?, a int, c d ?, $time timestamp", columns(map(one)))
    assert.equal("a int, b double, t ?, $time timestamp", columns(map(two)))
    assert.equal("a int, b bool, $time timestamp", columns(map(three)))
  end)
end)

describe("a map that assigns", function()
  it("keeps the other columns, replaced ones in their place", function()
    local node = map(function(e) e.amount = e.user .. "x" e.extra = 1 return e end)
    assert.equal("user string, amount string, n int, id int64, price decimal(10,2)!, ok bool, ts timestamp, extra double",
      columns(node))
    assert.equal("user", reads(node))
    assert.is_nil(node.passes.amount)
    assert.equal("ts", node.passes.ts)
    assert.equal(7, node.schema.time_field)
  end)

  it("joins the types of branches that assign and do not", function()
    local node = map(function(e) if e.ok then e.n = e.n * 2 e.user = "x" end return e end)
    assert.equal("user string, amount double, n double, id int64, price decimal(10,2)!, ok bool, ts timestamp",
      columns(node))
  end)

  it("carries the event time hidden when its column is assigned", function()
    local node = map(function(e) e.ts = 0 return e end)
    assert.equal("$time", node.schema.fields[node.schema.time_field].name)
    assert.equal("ts", node.passes["$time"])
    assert.is_true(node.schema.fields[8].hidden)
  end)

  it("keeps hidden keys, which a returned table does not", function()
    local input = schema "user string; $key string; ts timestamp@"
    assert.equal("user string, ts timestamp, $key string", columns(map(function(e) return e end, nil, input)))
    assert.equal("user string, $time timestamp", columns(map(function(e) return { user = e.user } end, nil, input)))
  end)
end)

describe("bare streams", function()
  local LINES = schema("line string!", true)

  it("give functions the text, and a text keeps them bare", function()
    local node = map(function(line) return line:lower() end, nil, LINES)
    assert.equal("line string", columns(node))
    assert.is_true(node.schema.bare)
    local same = map(function(line) return line end, nil, LINES)
    assert.equal("line", same.passes.line)
    assert.is_true(derive({ verb = "filter", fn = function(line) return #line > 3 end }, LINES).schema.bare)
  end)

  it("become rows by a table", function()
    local node = map(function(line) return { size = #line, text = line } end, nil, LINES)
    assert.equal("size double, text string!", columns(node))
    assert.is_nil(node.schema.bare)
    assert.equal("line", node.passes.text)
  end)

  it("know the words of gmatch", function()
    local node = derive({ verb = "flat_map", fn = function(line, out)
      for word in line:gmatch("%w+") do out { word = word:lower() } end
    end }, LINES)
    assert.equal("word string", columns(node))
    assert.equal("advice", node.findings[1].severity)
    assert.truthy(node.findings[1].message:find("gmatch", 1, true))
  end)
end)

describe("select, drop, assign, filter, key", function()
  it("select keeps the order asked for and carries the time hidden", function()
    local node = derive { verb = "select", columns = { "n", "user" } }
    assert.equal("n int, user string, $time timestamp", columns(node))
    assert.equal(3, node.schema.time_field)
  end)

  it("drop keeps what is left", function()
    assert.equal("user string, ts timestamp",
      columns(derive { verb = "drop", columns = { "amount", "n", "id", "price", "ok" } }))
  end)

  it("assign replaces in place and appends", function()
    local node = derive { verb = "assign", assigns = { { name = "n", fn = function(e) return e.n end },
      { name = "user", fn = function(e) return e.amount > 1 end }, { name = "new", fn = function(e) return e.user end } } }
    assert.equal("user bool, amount double, n int, id int64, price decimal(10,2)!, ok bool, ts timestamp, new string",
      columns(node))
    assert.equal("n", node.passes.n)
    assert.equal("user", node.passes.new)
    assert.equal("amount n user", reads(node))
  end)

  it("assign takes the types that :returns says, and copies only what has them", function()
    local node = derive { verb = "assign", returns = require("tidemill.schema").make {
      { name = "n", type = "int64" }, { name = "at", type = "timestamp", required = true } }, assigns = {
      { name = "n", fn = function(e) return e.n end }, { name = "at", fn = function(e) return e.ts + 1000 end },
      { name = "who", fn = function(e) return e.user end } } }
    assert.equal("user string, amount double, n int64, id int64, price decimal(10,2)!, ok bool, ts timestamp, "
      .. "at timestamp!, who string", columns(node))
    assert.is_nil(node.passes.n)
    assert.equal("user", node.passes.who)
  end)

  it("filter changes nothing", function()
    local node = derive { verb = "filter", fn = function(e) return e.user == "x" end }
    assert.equal(EVENT, node.schema)
    assert.equal("user", reads(node))
  end)

  it("key appends a hidden column that is never null", function()
    local node = derive { verb = "key", key_name = "key", fn = function(e) return e.user .. e.n end }
    local last = node.schema.fields[8]
    assert.same({ "key", "string", true, true }, { last.name, last.type, last.hidden, last.required })
  end)

  it("reduce keeps its input's columns, and has the time of its input in one of its own", function()
    local node = derive { verb = "reduce", fn = function(a, e) return { amount = a.amount + e.amount } end }
    local last = node.schema.fields[#node.schema.fields]
    assert.equal(#EVENT.fields + 1, #node.schema.fields)
    for i, f in ipairs(EVENT.fields) do assert.equal(f, node.schema.fields[i]) end
    assert.same({ "$time", true, #node.schema.fields }, { last.name, last.hidden, node.schema.time_field })
    assert.equal(EVENT.fields[EVENT.time_field].name, node.passes["$time"])
    assert.equal("amount", reads(node))
  end)
end)

describe("derive refuses", function()
  it("unknown fields, at their line, with the nearest name", function()
    local f = fault(map, function(e) return { a = e.amuont } end)
    assert.equal("UNKNOWN_FIELD", f.code)
    assert.equal('did you mean "amount"?', f.hint)
    assert.truthy(f.where:find("derive_spec.lua:%d+$"))
    assert.truthy(f.message:find("user, amount, n, id, price, ok, ts", 1, true))
  end)

  it("hidden columns", function()
    assert.equal("UNKNOWN_FIELD", fault(map, function(e) return { a = e["$key"] } end, nil,
      schema "user string; $key string").code)
  end)

  it("results that cannot be found, naming :returns", function()
    local unknown = setmetatable({}, { __call = function() end })
    for _, fn in ipairs {
      function() return unknown() end,
      function(e) local t = {} for k, v in pairs(e) do t[k] = v end return t end,
      print,
    } do
      local f = fault(map, fn)
      assert.equal("RETURNS_NEEDED", f.code)
      assert.truthy(f.hint:find(":returns", 1, true))
    end
  end)

  it("results that are no rows", function()
    assert.equal("TYPE", fault(map, function(e) return e.amount * 2 end).code)
    assert.equal("TYPE", fault(map, function(e) return { e.user, e.n } end).code)
    assert.equal("TYPE", fault(map, function(e) local _ = e.n end).code)
    assert.equal("TYPE", fault(derive, { verb = "flat_map", fn = function(e) return e end }).code)
  end)

  it("int64 and decimal as the key of a table", function()
    local seen = {}
    local f = fault(derive, { verb = "filter", fn = function(e) return not seen[e.price] end })
    assert.equal("TYPE", f.code)
    assert.truthy(f.hint:find("tostring", 1, true))
  end)

  it("keys outside of :returns and of reduce's columns", function()
    assert.equal("ROW_KEY", fault(map, function(e) return { b = e.n } end, schema "a int").code)
    assert.equal("ROW_KEY", fault(map, function(e) e.b = e.n return e end, schema "a int").code)
    assert.equal("ROW_KEY", fault(derive, { verb = "reduce", fn = function(a) return { total = a.amount } end }).code)
  end)

  it("assignments where records cannot change", function()
    assert.equal("ROW_KEY", fault(derive, { verb = "filter", fn = function(e) e.n = 1 return true end }).code)
  end)
end)

describe("findings", function()
  local count = 0
  local function messages(fn)
    local list = {}
    for i, f in ipairs(derive({ verb = "filter", fn = fn }).findings) do list[i] = f.severity .. ": " .. f.message end
    return table.concat(list, "\n")
  end

  it("warn of captured variables that are assigned", function()
    local text = messages(function(e) count = count + 1 return e.n > count end)
    assert.truthy(text:find("warning: the captured variable 'count' is assigned", 1, true))
  end)

  it("advise against what is not compiled, and only that", function()
    assert.truthy(messages(function(e) local f = function() return e end return f end):find("a function is made", 1, true))
    assert.truthy(messages(function(e) return e.user:match("a+") end):find("match", 1, true))
    assert.truthy(messages(function(e) return e.user:find("a+") end):find("find with a pattern", 1, true))
    assert.equal("", messages(function(e) return e.user:find("a+", 1, true) or e.user:find("abc") end))
    assert.equal("", messages(function(e) return e.user:lower() == "x" and math.floor(e.n) > 3 end))
  end)
end)

describe("a function that gives no row", function()
  it("is told from one that gives out nil, with the place of the call", function()
    local f = fault(derive, { verb = "flat_map", fn = from_file("nil.lua", "return function(e, out)\n  out(nil)\nend") })
    assert.equal("TYPE", f.code)
    assert.equal("nil.lua:2", f.where)
    assert.truthy(f.message:find("out, its second parameter, is given nil", 1, true), f.message)
    f = fault(map, function() end)
    assert.truthy(f.message:find("returns nothing", 1, true), f.message)
    f = fault(derive, { verb = "flat_map", fn = function() end })
    assert.truthy(f.message:find("never calls its second parameter", 1, true), f.message)
  end)

  it("is told from one that always raises, itself or through a function that it calls", function()
    for _, text in ipairs { "return function(e)\n error() end", "return function(e)\n return error('x', 0) end",
      "local function fail(e)\n error(e.user) end\nreturn function(e) fail(e) end",
      "return function(e)\n if e.ok then error('a') else error('b') end end" } do
      local f = fault(map, from_file("raises.lua", text))
      assert.equal("raises.lua:2", f.where, text)
      assert.truthy(f.message:find("always raises an error", 1, true), f.message)
    end
    local f = fault(derive, { verb = "flat_map", fn = function() error("x") end })
    assert.truthy(f.message:find("always raises an error", 1, true), f.message)
  end)

  it("may raise in a branch, which is no row of it", function()
    local node = map(function(e)
      if e.ok then error("not ok") end
      return { n = e.n }
    end)
    assert.equal("n int, $time timestamp", columns(node))
    assert.equal("n", node.passes.n)
    node = map(function() error("always") end, schema "a int") -- fails row by row, as user code does
    assert.equal("a int, $time timestamp", columns(node))
  end)
end)

describe("a column that :returns does not have", function()
  it("is to be declared, unless one of the declared that the function does not give is meant", function()
    local f = fault(map, function(e) return { a = e.n, c = e.n } end, schema "a int")
    assert.equal('declare it: :returns { ..., c = "int" }', f.hint)
    f = fault(map, function(e) return { amount = e.n, totl = e.n } end, schema "amount int; total int")
    assert.equal('did you mean "total"?', f.hint)
    f = fault(map, function(e) return { a = e.n, ["b c"] = e.user .. "x" } end, schema "a int")
    assert.equal('declare it: :returns { ..., ["b c"] = "string" }', f.hint)
  end)
end)
