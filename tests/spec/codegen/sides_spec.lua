-- Side outputs: which rows go where and in which columns, in generated chunks and in tables, and what is said of wrong ones.
local support = require "tests.spec.codegen.support"

local SCHEMA = support.schema("id int!; user string; v double; note string; ts timestamp@")

local function rows(n)
  local list = {}
  for i = 1, n do
    list[i] = { id = i, user = "user " .. i % 5, v = i % 7 ~= 0 and i / 2 or nil, note = i % 3 == 0 and "a longer note " .. i or nil,
      ts = 1000 + i }
  end
  return list
end

-- A function whose result's type nobody knows before a row came: the chunk begins in tables.
local function opaque(v) return setmetatable({}, { __index = function() return v end }).value end

-- Runs a chain; gives the main rows and those of each side output, as texts, and the runner.
local function run(specs, list, options)
  local runner = support.runner(support.nodes(SCHEMA, specs), options)
  local main, sides = {}, {}
  for i = 1, #(runner.nodes[#runner.nodes].codegen.sides or {}) do sides[i] = {} end
  local buffer, size = support.buffer(SCHEMA, list)
  runner:give(buffer, size)
  local rc
  repeat
    rc = support.enter(runner.instance.run, runner.instance)
    if rc == 2 then
      runner:settle()
      rc = 1
    else
      for _, row in ipairs(support.text(runner:take())) do main[#main + 1] = row end
    end
    for i, side in ipairs(sides) do
      for _, row in ipairs(support.text(runner:take_side(i))) do side[#side + 1] = row end
    end
    runner.returned = rc == 1 and (runner.returned or 0) + 1 or runner.returned
  until rc ~= 1
  return main, sides, runner
end

local function filter(read)
  return { verb = "filter", read_sides = read, fn = function(e, out)
    if e.v == nil then
      out("no v", e)
      return false
    end
    if e.id % 2 == 0 then out("even", { id = e.id, twice = e.v * 2, note = e.note, label = e.user .. "!" }) end
    return e.id % 5 ~= 0
  end }
end

local function expected(list)
  local main, none, even = {}, {}, {}
  for _, r in ipairs(list) do
    if r.v == nil then
      none[#none + 1] = r
    else
      if r.id % 2 == 0 then
        even[#even + 1] = { id = r.id, twice = r.v * 2, note = r.note, label = r.user .. "!", ["$time"] = r.ts }
      end
      if r.id % 5 ~= 0 then main[#main + 1] = r end
    end
  end
  return support.text(main), support.text(none), support.text(even)
end

describe("side outputs", function()
  it("get the rows that functions give them, in columns of their own", function()
    local list = rows(600)
    local main, none, even = expected(list)
    local got, sides, runner = run({ filter { { tag = "even" }, { tag = "no v" } } }, list)
    assert.same(main, got)
    assert.same({ even, none }, sides)
    local schemas = runner.nodes[1].codegen.sides
    assert.equal("id int!, label string, note string, twice double, $time timestamp", support.show(schemas[1].schema))
    assert.equal("id int!, user string, v double, note string, ts timestamp", support.show(schemas[2].schema))
    assert.same({ { 600, #main, 600 - #main, #main } }, runner:counted())
  end)

  it("get the same rows while types are not known and after", function()
    local list = rows(300)
    local main, none, even = expected(list)
    local specs = { { verb = "assign", assigns = { { name = "late", fn = function(e) return opaque(e.id > 100 and e.id or nil) end } } },
      filter { { tag = "no v" }, { tag = "even" } } }
    specs[2].read_sides[1].returns = SCHEMA -- `late` has no type yet
    local got, sides, runner = run(specs, list)
    assert.equal(#main, #got)
    assert.equal(1, runner.returned)
    for _, side in ipairs { none, even } do
      for i, text in ipairs(side) do side[i] = text:gsub("%$time=%d+ ", ""):gsub("ts=%d+ ", "") end
    end
    for _, side in ipairs(sides) do
      for i, text in ipairs(side) do side[i] = text:gsub("%$time=%d+ ", ""):gsub("ts=%d+ ", "") end
    end
    assert.same({ none, even }, sides)
  end)

  it("drop rows for tags that nobody reads", function()
    local list = rows(100)
    local main, none = expected(list)
    local got, sides = run({ filter { { tag = "no v" } } }, list)
    assert.same(main, got)
    assert.same({ none }, sides)
    assert.same(main, (run({ filter() }, list)))
  end)

  it("see a record as it is when it is given to them", function()
    local _, sides = run({ { verb = "map", read_sides = { { tag = "t" } }, fn = function(e, out)
      out("t", e)
      e.v = 1
      if e.id == 2 then out("t", e) end
      e.v = 2
      e.id = 9
      out("t", e)
      return e
    end } }, { { id = 1, user = "a", ts = 5 }, { id = 2, v = 7, ts = 6 } })
    assert.same({ { "id=1 ts=5 user=a", "id=9 ts=5 user=a v=2", "id=2 ts=6 v=7", "id=2 ts=6 v=1", "id=9 ts=6 v=2" } }, sides)
  end)

  it("of a flat_map stand beside its own rows", function()
    local main, sides = run({ { verb = "flat_map", read_sides = { { tag = "words" } }, fn = function(e, out)
      out { id = e.id }
      for i = 1, e.id do out("words", { n = i, user = e.user }) end
      out { id = -e.id }
    end } }, rows(3))
    assert.equal(6, #main)
    assert.same({ "$time=1001 n=1 user=user 1", "$time=1002 n=1 user=user 2", "$time=1002 n=2 user=user 2",
      "$time=1003 n=1 user=user 3", "$time=1003 n=2 user=user 3", "$time=1003 n=3 user=user 3" }, sides[1])
  end)

  it("end a run when they are full", function()
    local list = rows(500)
    local _, sides, runner = run({ { verb = "filter", read_sides = { { tag = "t" } }, fn = function(e, out)
      out("t", e)
      return false
    end } }, list, { full = 50 })
    assert.same(support.text(list), sides[1])
    assert.is_true(runner.returned >= 9)
    _, sides, runner = run({ { verb = "filter", read_sides = { { tag = "t" } }, fn = function(e, out)
      out("t", e)
      return false
    end } }, list, { full_bytes = 4000 })
    assert.same(support.text(list), sides[1])
    assert.is_true(runner.returned >= 5)
  end)

  it("take texts of text streams", function()
    local bare = support.schema("line string!", true)
    local nodes = support.nodes(bare, { { verb = "filter", read_sides = { { tag = "long" } }, fn = function(line, out)
      if #line > 3 then
        out("long", line)
        return false
      end
      return true
    end } })
    local runner = support.runner(nodes)
    local main = runner:batch { { line = "a" }, { line = "abcd" }, { line = "" } }
    assert.same({ "line=a", "line=" }, support.text(main))
    assert.same({ "line=abcd" }, support.text(runner:take_side(1)))
    assert.is_true(nodes[1].codegen.sides[1].schema.bare)
  end)

  it("keep the kinds of changes", function()
    local _, _, runner = run({ filter { { tag = "no v" } } }, rows(1))
    runner:batch { { 3, id = 7, user = "u", ts = 1 } }
    assert.same({ "1=3 id=7 ts=1 user=u" }, support.text(runner:take_side(1)))
  end)

  it("fail a row whose side row is wrong, at the line of out", function()
    local value = opaque(nil)
    local _, sides, runner = run({ { verb = "filter", read_sides = { { tag = "t", returns = support.schema("a int; b string") } },
      fn = function(e, out)
        local row = { a = e.id }
        if e.id == 2 then row.a = 1.5 end
        if e.id == 3 then row[opaque("c")] = 1 end
        if e.id == 4 then row = value end
        out("t", row)
        return true
      end } }, rows(6))
    assert.same({ { "$time=1001 a=1", "$time=1005 a=5", "$time=1006 a=6" } }, sides)
    local texts = {}
    for i, f in ipairs(runner.failures) do texts[i] = f.message:gsub("\n.*", "") end
    assert.equal(3, #texts)
    assert.matches('column "a" is int: 1.5 is not a whole number', texts[1])
    assert.matches('there is no column "c"', texts[2])
    assert.matches('out is given the tag "t" and no row', texts[3])
    assert.same({ { 6, 3, 0, 3 } }, runner:counted())
  end)

  it("cannot be given rows when the function has returned", function()
    local kept
    local _, _, runner = run({ { verb = "filter", read_sides = { { tag = "t", returns = SCHEMA } }, fn = function(e, out)
      if kept then kept("t", e) end
      kept = out
      out("t", e)
      return true
    end } }, rows(1))
    assert.equal(0, #runner.failures)
    assert.has_error(function() kept("t", { id = 1 }) end)
  end)
end)

describe("the analysis of side outputs", function()
  local function fault(spec, schema)
    local ok, err = pcall(support.nodes, schema or SCHEMA, { spec })
    assert.is_false(ok)
    return err.code .. ": " .. err.message
  end

  it("asks for types that do not follow from the function", function()
    assert.matches('RETURNS_NEEDED: filter.*side output "t": the type of "x" does not follow', fault { verb = "filter",
      read_sides = { { tag = "t" } }, fn = function(e, out) out("t", { x = opaque(e.v) }) return true end })
  end)

  it("asks for constant tags", function()
    assert.matches("TYPE: filter.*out takes a tag and a row; the tag, a constant text, is computed here", fault { verb = "filter",
      fn = function(e, out) out(e.user, e) return true end })
    assert.matches("TYPE: flat_map.*out takes a row, or a tag and a row; the tag, a constant text, is a row here",
      fault { verb = "flat_map", fn = function(e, out) out(e, { a = 1 }) end })
  end)

  it("knows that only flat_map gives its own rows by out", function()
    assert.matches("TYPE: map.*out is called with one argument; here it takes a tag and a row", fault { verb = "map",
      fn = function(e, out) out(e) return e end })
  end)

  it("sees rows that other functions make", function()
    local function make(e) return { a = e.id } end
    local nodes = support.nodes(SCHEMA, { { verb = "flat_map", read_sides = { { tag = "t" } }, fn = function(e, out)
      out(make(e))
      out("t", make(e))
    end } })
    assert.equal("a int!, $time timestamp", support.show(nodes[1].schema))
    assert.equal("a int!, $time timestamp", support.show(nodes[1].codegen.sides[1].schema))
  end)

  it("reads the columns that side rows pass on", function()
    local nodes = support.nodes(SCHEMA, { { verb = "filter", read_sides = { { tag = "t" } }, fn = function(e, out)
      out("t", { n = e.note })
      return e.id > 1
    end } })
    assert.is_true(nodes[1].reads.note)
    assert.is_true(nodes[1].reads.id)
    assert.is_nil(nodes[1].reads.user)
  end)
end)
