-- Chains in detail: the generated text, errors and where they go, conversions, limits of the output, and what user
-- code can do with a record.
local support = require "tests.spec.codegen.support"
local D, I = support.decimal.make, support.int64.parse
local codes, codegen = support.codes, support.codegen
local null = require "tidemill.null"

local EVENT = support.schema "user string; amount double; n int; ts timestamp@"

local function run(specs, rows, schema, options)
  local nodes = support.nodes(schema or EVENT, specs)
  local runner = support.runner(nodes, options)
  local out, rc = runner:batch(rows)
  return out, runner, rc
end

local function map(fn, returns) return { { verb = "map", fn = fn, returns = returns } } end

describe("the generated text", function()
  it("is what the golden file has", function()
    local nodes = support.nodes(EVENT, {
      { verb = "filter", fn = function(e) return e.user == "FR" and e.amount > 10 end },
      { verb = "map", fn = function(e) e.amount = e.amount * 2 return e end },
      { verb = "map", fn = function(e) return { who = e.user, total = e.amount + e.n } end },
    })
    local path = support.root .. "tests/spec/codegen/chain.golden"
    local text = codegen.source(nodes)
    if os.getenv "TM_GOLDEN" == "write" then
      local f = assert(io.open(path, "wb"))
      f:write(text)
      f:close()
    end
    local f = assert(io.open(path, "rb"))
    local want = f:read "*a"
    f:close()
    assert.equal(want, text)
  end)

  it("is the same for the same nodes", function()
    local function text()
      return codegen.source(support.nodes(EVENT, map(function(e) return { a = e.n, b = e.user, c = e.amount } end)))
    end
    assert.equal(text(), text())
  end)

  it("can be had before types are settled", function()
    local t = setmetatable({}, { __index = function() return 1 end })
    assert.truthy(codegen.source(support.nodes(EVENT, map(function() return { a = t.x } end))):find("a_1", 1, true))
  end)

  it("holds for many columns and many operators", function()
    local fields, names = {}, {}
    for i = 1, 90 do fields[i], names[i] = ("c%d double"):format(i), "c" .. i end
    local wide = support.schema(table.concat(fields, "; "))
    local body = {}
    for i, name in ipairs(names) do body[i] = ("%s = e.%s + %d"):format(name, name, i) end
    local fn = assert(loadstring("return function(e) return { " .. table.concat(body, ", ") .. " } end"))()
    local specs = { { verb = "map", fn = fn } }
    for i = 2, 40 do specs[i] = { verb = "filter", fn = function(e) return e.c1 > -i end } end
    specs[41] = { verb = "map", fn = fn }
    local row, want = {}, {}
    for i, name in ipairs(names) do row[name], want[name] = i, i * 3 end
    assert.same({ want }, (run(specs, { row }, wide)))
    assert.truthy(codegen.source(support.nodes(wide, specs)):find("local G = {}", 1, true)) -- names in a table
    assert.falsy(codegen.source(support.nodes(wide, { specs[2] })):find("local G = {}", 1, true))
  end)

  it("takes any name of a column", function()
    local odd = support.schema "end int; a-b string; 1 double; é bool"
    local out = run(map(function(e) return { ["end"] = e["end"], ["a-b"] = e["a-b"] .. "!", ["1"] = e["1"] * 2, ["é"] = e["é"],
      ['"'] = e["end"] } end), { { ["end"] = 3, ["a-b"] = "x", ["1"] = 2, ["é"] = true } }, odd)
    assert.same({ { ["end"] = 3, ["a-b"] = "x!", ["1"] = 4, ["é"] = true, ['"'] = 3 } }, out)
  end)
end)

describe("an error of a row", function()
  local function failing(specs, rows, schema)
    local out, runner = run(specs, rows, schema)
    return runner.failures, out, runner
  end

  it("drops that row at its operator and goes on", function()
    local failures, out, runner = failing({
      { verb = "filter", fn = function() return true end },
      { verb = "map", fn = function(e) return { x = e.amount * 2 } end },
    }, { { amount = 1 }, { user = "bad" }, { amount = 3 } })
    assert.equal(2, #out)
    assert.equal(1, #failures)
    assert.equal(1, failures[1].node)
    assert.equal(codes.USER_CODE, failures[1].code)
    assert.truthy(failures[1].message:find("chain_spec.lua:%d+: attempt to perform arithmetic"))
    assert.equal("bad", failures[1].row.user)
    assert.same({ { 3, 3, 0, 3 }, { 3, 2, 0, 2 } }, runner:counted())
  end)

  it("leaves what flat_map has emitted before", function()
    local failures, out, runner = failing({ { verb = "flat_map", fn = function(e, emit)
      emit { x = e.n }
      if e.n == 2 then error("two is bad") end
      emit { x = -e.n }
    end } }, { { n = 1 }, { n = 2 }, { n = 3 } })
    assert.same({ "x=1", "x=-1", "x=2", "x=3", "x=-3" }, support.text(support.nodes and (function()
      for _, r in ipairs(out) do r["$time"] = nil end
      return out
    end)()))
    assert.equal(1, #failures)
    assert.same({ { 3, 5, 0, 2 } }, runner:counted())
  end)

  it("of a later operator is not the flat_map's", function()
    local failures, out, runner = failing({
      { verb = "flat_map", fn = function(e, emit) emit { x = e.n } emit { x = e.amount } end },
      { verb = "map", fn = function(e) return { y = e.x + 1 } end },
    }, { { n = 1 }, { amount = 2 } })
    assert.equal(2, #out)
    assert.equal(2, #failures)
    assert.equal(1, failures[1].node)
    assert.same({ { 2, 4, 0, 2 }, { 4, 2, 0, 2 } }, runner:counted())
  end)

  it("stops the job when C says so, with the counts right", function()
    for _, verb in ipairs { "map", "flat_map" } do
      local fn = function(e) return { x = e.amount * 2 } end
      if verb == "flat_map" then fn = function(e, emit) emit { x = e.amount * 2 } end end
      local nodes = support.nodes(EVENT, { { verb = "filter", fn = function() return true end }, { verb = verb, fn = fn } })
      local runner = support.runner(nodes, { on_fail = function() return -101 end })
      local out, rc = runner:batch { { amount = 1 }, { user = "bad" }, { amount = 3 } }
      assert.equal(-101, rc)
      assert.equal(1, #out)
      assert.same({ { 2, 2, 0, 2 }, { 2, 1, 0, 1 } }, runner:counted())
      assert.equal(1, #runner.failures)
    end
  end)

  it("in an operator behind a flat_map stops the job through user code that catches errors", function()
    local nodes = support.nodes(EVENT, {
      { verb = "flat_map", fn = function(e, emit) pcall(emit, { x = e.amount }) pcall(emit, { x = e.amount }) end,
        returns = support.schema "x double" },
      { verb = "map", fn = function(e) return { y = e.x + 1 } end },
    })
    local runner = support.runner(nodes, { on_fail = function() return -101 end })
    local _, rc = runner:batch { { user = "bad" }, { amount = 3 } }
    assert.equal(-101, rc)
  end)

  local function type_error(fn, returns, row)
    local failures, out = failing(map(fn, support.schema(returns)), { row or {} })
    assert.equal(0, #out)
    assert.equal(1, #failures)
    return failures[1].code, failures[1].message
  end

  it("names column, value and type when a value does not fit", function()
    local code, text = type_error(function() return { a = "x" } end, "a double")
    assert.equal(codes.ROW_TYPE, code)
    assert.truthy(text:find('column "a" is double, given "x"', 1, true))
    code, text = type_error(function() return { a = 1.5 } end, "a int")
    assert.equal(codes.ROW_TYPE, code)
    assert.truthy(text:find("1.5 is not a whole number", 1, true))
    code, text = type_error(function() return { a = 2 ^ 53 + 2 } end, "a int")
    assert.equal(codes.ROW_TYPE, code)
    assert.truthy(text:find("int64", 1, true))
    assert.truthy(select(2, type_error(function() return { a = 1 } end, "a string")):find("tostring", 1, true))
    assert.truthy(select(2, type_error(function() return { a = 1 } end, "a bool")):find('"a" is bool, given 1', 1, true))
    assert.truthy(select(2, type_error(function() return { a = D "1000.5" } end, "a decimal(4,1)")):find("does not fit", 1, true))
    assert.truthy(select(2, type_error(function() return { a = 0.5 } end, "a int64")):find("64 bits", 1, true))
    assert.equal(codes.REQUIRED, (type_error(function() return { b = 1 } end, "a int!; b int")))
    assert.equal(codes.ROW_TYPE, (type_error(function() return { a = 0 / 0 } end, "a int")))
  end)

  it("finds keys outside of the schema where they are computed", function()
    local failures = failing(map(function(e) return { [e.user] = 1 } end, support.schema "a double"),
      { { user = "a" }, { user = "b" } })
    assert.equal(1, #failures)
    assert.equal(codes.ROW_KEY, failures[1].code)
    assert.truthy(failures[1].message:find('"b"', 1, true))
  end)

  it("is raised at the line that assigns", function()
    local failures = failing(map(function(e) e.n = e.n + 0.5 return e end, support.schema "n int"), { { n = 1 } })
    assert.equal(codes.ROW_TYPE, failures[1].code)
    assert.truthy(failures[1].message:find("chain_spec.lua:%d+: column \"n\" is int"))
  end)

  it("says that a map returned nothing", function()
    local failures = failing(map(function(e) if e.n > 1 then return { a = 1 } end end), { { n = 1 }, { n = 2 } })
    assert.equal(codes.ROW_TYPE, failures[1].code)
    assert.truthy(failures[1].message:find("filter drops rows", 1, true))
  end)

  it("is a null key", function()
    local failures = failing({ { verb = "key", key_name = "key", fn = function(e) return e.user end } }, { {}, { user = "a" } })
    assert.equal(1, #failures)
    assert.equal(codes.NULL_KEY, failures[1].code)
  end)
end)

describe("values into columns", function()
  local function one(fn, returns, row)
    local out, runner = run(map(fn, support.schema(returns)), { row or {} })
    assert.same({}, runner.failures)
    return out[1]
  end

  it("are converted where nothing is lost", function()
    assert.equal("1.50", tostring(one(function() return { a = 1.5 } end, "a decimal(10,2)").a))
    assert.equal("1.05", tostring(one(function() return { a = D "1.05000" } end, "a decimal(10,2)").a))
    assert.equal("9007199254740993", tostring(one(function() return { a = I "9007199254740993" } end, "a int64").a))
    assert.equal("7", tostring(one(function() return { a = 7 } end, "a int64").a))
    assert.equal("8", tostring(one(function() return { a = 8LL } end, "a int64").a))
    assert.equal(1760000000000, one(function() return { a = 1760000000000 } end, "a timestamp").a)
    assert.is_true(one(function() return { a = true } end, "a bool").a)
    assert.equal("\0\255", one(function() return { a = "\0\255" } end, "a bytes").a)
  end)

  it("are null when nil or tm.null", function()
    for _, type_name in ipairs { "double", "int", "int64", "decimal(5,1)", "string", "bool", "timestamp" } do
      assert.same({ b = 1 }, one(function() return { a = null, b = 1 } end, ("a %s; b int"):format(type_name)))
      assert.same({ b = 1 }, one(function() return { b = 1 } end, ("a %s; b int"):format(type_name)))
    end
    local out = run(map(function(e) e.user = null e.n = nil return e end), { { user = "x", n = 1, amount = 2, ts = 3 } })
    assert.same({ { amount = 2, ts = 3 } }, out)
  end)

  it("keep the kind of the row", function()
    for _, specs in ipairs { map(function(e) return { n = e.n } end), map(function(e) e.x = "t" return e end),
      { { verb = "filter", fn = function() return true end } },
      { { verb = "flat_map", fn = function(e, out) out { n = e.n } end } } } do
      local out = run(specs, { { 3, n = 1, ts = 5 } })
      assert.equal(3, out[1][1])
    end
  end)

  it("pass through byte for byte, empty and long texts too", function()
    local long = ("é"):rep(5000)
    local schema = support.schema "a string; b string; c int"
    local out = run(map(function(e) return { c = e.c, b = e.b, a = e.a, again = e.a } end),
      { { a = "", b = long, c = 1 }, { a = long }, { b = "" } }, schema)
    assert.same({ { a = "", b = long, c = 1, again = "" }, { a = long, again = long }, { b = "" } }, out)
    out = run(map(function(e) return { b = e.b } end), { { a = "x", b = long }, { a = "y" }, { b = "" } }, schema)
    assert.same({ { b = long }, {}, { b = "" } }, out)
  end)

  it("make rows of the same bytes as any other writer, whatever lies behind the input's texts", function()
    local ffi, rows = require "ffi", {}
    for n = 0, 40 do rows[n + 1] = { a = n % 7 > 0 and ("a"):rep(n) or nil, b = n % 5 > 0 and ("b"):rep(40 - n) or nil, c = n } end
    local schema = support.schema "a string; b string; c int"
    for _, columns in ipairs { { "b", "c" }, { "c", "a" }, { "c" }, { "a", "b" }, { "a", "c", "b" } } do
      local nodes = support.nodes(schema, { { verb = "select", columns = columns } })
      local runner, cut = support.runner(nodes, { capacity = 8192 }), {}
      for i, row in ipairs(rows) do
        cut[i] = {}
        for _, name in ipairs(columns) do cut[i][name] = row[name] end
      end
      runner:give(support.buffer(schema, rows))
      assert.equal(0, support.enter(runner.instance.run, runner.instance))
      local want, size = support.buffer(nodes[1].schema, cut)
      assert.equal(ffi.string(want, size), ffi.string(runner.ctx.out, runner.ctx.out_size))
    end
  end)
end)

describe("the output's limits", function()
  it("end a run after the row that reaches them", function()
    local nodes = support.nodes(EVENT, map(function(e) return { n = e.n } end))
    local runner = support.runner(nodes, { full = 3 })
    local buffer, size = support.buffer(EVENT, { { n = 1 }, { n = 2 }, { n = 3 }, { n = 4 }, { n = 5 } })
    runner:give(buffer, size)
    assert.equal(1, support.enter(runner.instance.run, runner.instance))
    assert.equal(3, #runner:take())
    assert.equal(0, support.enter(runner.instance.run, runner.instance))
    assert.equal(2, #runner:take())
  end)

  it("end a run with a full output and no input left as done", function()
    local nodes = support.nodes(EVENT, map(function(e) return { n = e.n } end))
    local runner = support.runner(nodes, { full = 2 })
    local buffer, size = support.buffer(EVENT, { { n = 1 }, { n = 2 } })
    runner:give(buffer, size)
    assert.equal(0, support.enter(runner.instance.run, runner.instance))
  end)

  it("are soft for the rows of one flat_map", function()
    local specs = { { verb = "flat_map", fn = function(e, out) for i = 1, 500 do out { i = i, u = e.user } end end } }
    local out = run(specs, { { user = ("x"):rep(100) }, { user = "y" } }, EVENT, { full = 10, capacity = 64 })
    assert.equal(1000, #out)
    assert.equal(500, out[1000].i)
  end)

  it("fail the row that a batch cannot hold", function()
    local grown = 0
    local specs = { { verb = "flat_map", fn = function(_, out) for i = 1, 100 do out { i = i, u = ("x"):rep(1000) } end end } }
    local out, runner = run(specs, { { n = 1 } }, EVENT, { capacity = 2048, grow = function()
      grown = grown + 1
      if grown > 1 then return codes.LIMIT end
    end })
    assert.is_true(#out > 0 and #out < 100)
    assert.equal(codes.LIMIT, runner.failures[1].code)
  end)

  it("cut a batch of long rows into pieces", function()
    local rows = {}
    for i = 1, 50 do rows[i] = { user = ("x"):rep(100), n = i } end
    local nodes = support.nodes(EVENT, { { verb = "select", columns = { "user", "n" } } })
    local runner = support.runner(nodes, { full_bytes = 1000 })
    runner:give(support.buffer(EVENT, rows))
    local pieces, seen = 0, 0
    local rc
    repeat
      rc = support.enter(runner.instance.run, runner.instance)
      assert.is_true(runner.ctx.out_size < 2000)
      for _, row in ipairs(runner:take()) do
        seen = seen + 1
        assert.equal(seen, row.n)
      end
      pieces = pieces + 1
    until rc == 0
    assert.equal(50, seen)
    assert.equal(8, pieces) -- 7 rows of 152 bytes are more than 1000
    assert.equal(0, runner.ctx.in_rows)
  end)

  it("hold for texts that share their bytes", function()
    local schema, list = support.schema "a string; b string", {}
    for i = 1, 20 do list[i] = { a = ("a"):rep(200), b = "b" .. i } end
    local first = support.runner(support.nodes(schema, map(function(e) return { a = e.a, again = e.a, b = e.b } end)),
      { capacity = 64 * 1024 })
    first:give(support.buffer(schema, list))
    support.enter(first.instance.run, first.instance)
    local shared, size = first.ctx.out, tonumber(first.ctx.out_size)
    local second = support.runner(support.nodes(first:schema(), { { verb = "drop", columns = { "b" } } }), { capacity = 64 })
    second:give(shared, size)
    assert.equal(0, support.enter(second.instance.run, second.instance))
    assert.is_true(second.ctx.out_size > size and second.ctx.out_size <= second.ctx.out_capacity)
    for _, row in ipairs(second:take()) do assert.same({ a = list[1].a, again = list[1].a }, row) end
  end)

  it("fail a row of more than 64 MB", function()
    local schema, mb = support.schema "a string", 1024 * 1024
    local most = ("x"):rep(64 * mb - 24)
    local widen = map(function(e) return { a = e.a, x = 1 } end)
    local again = map(function(e) return { a = e.a, b = e.a } end)
    local join = map(function(e) return { a = e.a .. "12345678" } end)
    local emit = { { verb = "flat_map", fn = function(e, out) out { a = e.a, x = 1 } end } }
    for _, specs in ipairs { widen, again, join, emit } do
      local out, runner = run(specs, { { a = most }, { a = "short" } }, schema, { capacity = 192 * mb })
      assert.equal(1, #out)
      assert.equal("short", out[1].a:sub(1, 5))
      assert.equal(codes.LIMIT, runner.failures[1].code)
      assert.truthy(runner.failures[1].message:find("at most 64 MB", 1, true))
    end
    local out = run({ { verb = "filter", fn = function(e) return e.a ~= "" end } }, { { a = most } }, schema, { capacity = 128 * mb })
    assert.equal(#most, #out[1].a)
  end)

  it("stop the job when there is no memory", function()
    for _, specs in ipairs { map(function(e) return { n = e.n } end), map(function(e) return { u = e.user } end),
      { { verb = "flat_map", fn = function(e, out) out { n = e.n } end } } } do
      local _, _, rc = run(specs, { { n = 1, user = "u" } }, EVENT, { capacity = 8, grow = function() return codes.MEMORY end })
      assert.equal(codes.MEMORY, rc)
    end
  end)
end)

describe("a record", function()
  local held
  local function with(fn)
    local _, runner = run({ { verb = "filter", fn = function(e) fn(e) return true end } }, { { user = "ann", amount = 1.5, n = 2 } })
    return runner.failures[1] and runner.failures[1].message
  end

  it("prints like a table", function()
    local text, joined
    with(function(e) text, joined = tostring(e), "row: " .. e end)
    assert.equal('{ user = "ann", amount = 1.5, n = 2, ts = nil }', text)
    assert.equal("row: " .. text, joined)
  end)

  it("can be copied and walked", function()
    local copy, walked = nil, {}
    with(function(e)
      copy = codegen.copy(e)
      for k, v in codegen.pairs(e) do walked[#walked + 1] = k .. "=" .. tostring(v) end
    end)
    assert.same({ user = "ann", amount = 1.5, n = 2 }, copy)
    assert.same({ "user=ann", "amount=1.5", "n=2" }, walked)
    with(function(e) copy = e:copy() end)
    assert.same({ user = "ann", amount = 1.5, n = 2 }, copy)
  end)

  it("has no pointer, no field of the engine, no arithmetic", function()
    local ffi = require "ffi"
    for _, name in ipairs { "row", "cur", "out", "f_user", "size_bytes", "nulls", "n0", "w0", "__index", "", "$time" } do
      local index = { key = name }
      assert.truthy(with(function(e) return e[index.key] end):find("there is no field", 1, true), name)
    end
    for _, fn in ipairs { function(e) return e + 1 end, function(e) return e[0] end, function(e) return #e end,
      function(e) return e() end, function(e) return e < e end, function(e) return -e end, function(e) return e * e end } do
      assert.truthy(with(fn))
    end
    with(function(e) held = e end)
    assert.equal(0, ffi.sizeof(held))
  end)

  it("cannot be assigned outside of map", function()
    local key = { name = "user" }
    assert.truthy(with(function(e) rawset(key, "e", e) key.e[key.name] = "x" end):find("filter cannot change its record", 1, true))
  end)

  it("says which fields there are", function()
    local key = { name = "usr" }
    local text = with(function(e) return e[key.name] end)
    assert.truthy(text:find('there is no field "usr"; the fields here are user, amount, n, ts', 1, true))
    assert.truthy(text:find('did you mean "user"?', 1, true))
    assert.truthy(text:find("chain_spec.lua:%d+:"))
  end)

  it("of flat_map gives an `out` that ends with its call", function()
    local kept
    local specs = { { verb = "flat_map", fn = function(_, out) if kept then kept { a = 1 } end kept = out end,
      returns = support.schema "a int" } }
    local nodes = support.nodes(EVENT, specs)
    local runner = support.runner(nodes)
    runner:batch { { n = 1 } }
    assert.truthy(select(2, pcall(kept, { a = 1 })).message:find("after its flat_map function had returned", 1, true))
  end)
end)
