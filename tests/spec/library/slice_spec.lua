-- Texts that are not made strings (codegen/slice.lua): rows are what the functions give when they are called with strings, and
-- no number that stands for a text is ever seen.
local support = require "tests.spec.library.support"
local slice = require "codegen.slice"
local tm = support.tm
local tonumber = require("codegen").tonumber
require("codegen.known").results[tonumber] = require("codegen.values").NUMBER
local null = require "tidemill.null"

local SCHEMA = support.schema("line string; user string!; note string; amount double; raw bytes")

local log = tm.re [[^(?<verb>[A-Z]+) (?<path>\S+)(?: (?<status>\d+))?]]
local word = tm.re [[\w+]]
local pair = tm.re [[(\w+)=(\w*)]]
local bytes = tm.re([[[^,]+]], "b")
local fallback = "none"
local kept = {}

-- Functions that are given slices, and functions that must not be.
local SLICED = {
  ["groups that become columns"] = function(e)
    local m = log:match(e.line)
    return m and { verb = m.verb, path = m.path, status = tonumber(m.status) } or { verb = "none" }
  end,
  ["the match as the row"] = function(e) return log:match(e.line) or { verb = "-", path = "-", status = "-" } end,
  ["groups without names"] = function(e)
    local k, v = pair:match(e.line)
    return { k = k, v = v, whole = word:match(e.note) }
  end,
  ["groups that are compared"] = function(e)
    local m = log:match(e.line)
    if m and m.verb == "GET" then return { verb = m.verb, path = m.path } end
    return { verb = "other", path = m and m.path }
  end,
  ["groups that are put together"] = function(e)
    local m = log:match(e.line)
    return { path = m and m.path, label = m and m.verb .. "!" or "", n = m and #m.verb or 0 }
  end,
  ["functions of functions"] = function(e)
    local m = log:match(tm.text.trim(e.line))
    return { a = m and tm.text.lower(m.path), b = tm.text.part(tm.text.upper(e.user), " ", 1), c = tm.hash.md5(e.user),
      d = tm.text.length(e.note), f = tm.text.remove_prefix(e.line, "GET "), g = word:replace(e.user, "<$0>") }
  end,
  ["texts or constants"] = function(e) return { a = word:match(e.note or "no note"), b = tm.text.trim(e.note) or "none" } end,
  ["numbers of texts"] = function(e)
    return { a = tonumber(word:match(e.user)), b = tm.number.parse(word:match(e.line)), c = tm.text.contains(e.line, "e") }
  end,
  ["bytes"] = function(e) return { a = bytes:match(e.line) } end,
  ["a text that goes on as it is"] = function(e) return { line = e.line, ok = log:test(e.line), user = e.user } end,
  ["a text that is renamed"] = function(e) return { other = e.line, ok = log:test(e.line) } end,
  ["a captured variable beside a group"] = function(e) return { a = word:match(e.note) or fallback } end,
  ["a group that is kept"] = function(e)
    local m = log:match(e.line)
    kept[1] = m and m.path
    return { path = m and m.path }
  end,
}
local STRINGS = {
  ["a text that is compared"] = function(e) return { ok = e.user == "user 3", n = word:count(e.user) } end,
  ["a number beside a group"] = function(e) return { a = tonumber(e.amount), b = word:match(e.line) } end,
  ["a function that may be given numbers"] = function(e)
    local ok = pcall(tm.text.upper, e.amount)
    return { ok = ok, b = word:match(e.line) }
  end,
  ["a closure over a group"] = function(e)
    local m = word:match(e.line)
    local function again() return m end
    return { a = again() }
  end,
  ["a method of a group"] = function(e)
    local m = word:match(e.line)
    return { a = m and m:upper(), b = m }
  end,
}

local LINES = { "GET /a/b 200", "POST /Ünï 404", "GET /x", "k=v and more", "", "  GET /spaced 1  ", "no match here", ("x"):rep(300) .. "=1",
  "GET /" .. ("p"):rep(20000) .. " 500" }
local function row(i)
  return { line = i % 11 ~= 10 and LINES[i % #LINES + 1] or nil, user = i % 3 == 0 and tostring(i) or "user " .. i % 7,
    note = i % 4 ~= 0 and "a note " .. i or nil, amount = i, raw = "\255" .. i }
end

-- What the function gives for rows of strings, as the engine would write it.
local function expected(fn, rows)
  local list = {}
  for i, r in ipairs(rows) do
    local given = fn(r)
    local t = {}
    for k, v in pairs(given) do if v ~= null then t[k] = v end end
    list[i] = t
  end
  return list
end

local function check(verb, fn, schema)
  local rows = {}
  for i = 1, 300 do rows[i] = row(i) end
  local nodes = support.nodes(schema or SCHEMA, { { verb = verb, fn = fn } })
  local runner = support.runner(nodes, { full = 4096, full_bytes = 2 ^ 26, capacity = 2 ^ 20 })
  local wanted = expected(fn, rows)
  for round = 1, 12 do
    local given = runner:batch(rows)
    assert.same({}, runner.failures)
    if round == 1 or round == 12 then assert.same(wanted, given) end
  end
  return nodes[1].codegen, runner
end

local function is_sliced(codegen)
  for _, mode in pairs(codegen.modes) do if mode == "slice" then return true end end
  return false
end

describe("a function that is given slices", function()
  for name, fn in pairs(SLICED) do
    it("gives the rows that it gives for strings: " .. name, function()
      local codegen, runner = check("map", fn)
      assert.is_true(is_sliced(codegen))
      assert.is_false(slice.scope.strings)
      assert.is_nil(next(codegen.analysis.slow_calls))
      assert.is_truthy(runner.instance.chunk)
    end)
  end

  it("of a bare stream", function()
    local bare = support.schema("line string!", true)
    local nodes = support.nodes(bare, { { verb = "map", fn = function(line)
      local m = log:match(line)
      return m and { path = m.path, n = tm.text.length(line) } or { n = -1 }
    end } })
    assert.equal("slice", nodes[1].codegen.modes.line)
    local runner = support.runner(nodes)
    local rows = { { line = "GET /a 1" }, { line = "" }, { line = "POST /ü" } }
    for _ = 1, 3 do assert.same({ { path = "/a", n = 8 }, { n = -1 }, { path = "/ü", n = 8 - 1 } }, runner:batch(rows)) end
  end)
end)

describe("a function that must have strings", function()
  for name, fn in pairs(STRINGS) do
    it("gets them: " .. name, function() assert.is_false(is_sliced((check("map", fn)))) end)
  end
end)

describe("slices", function()
  local rows = {}
  for i = 1, 200 do rows[i] = { line = "GET /p" .. i % 10 .. " " .. i, user = "u " .. i, amount = i } end

  local function run(specs, options)
    local runner = support.runner(support.nodes(SCHEMA, specs), options)
    local list
    for _ = 1, 5 do list = runner:batch(rows) end
    return list, runner
  end

  it("are texts to the operators behind", function()
    local list = run {
      { verb = "map", fn = function(e)
        local m = log:match(e.line)
        return { path = m.path, user = tm.text.trim(e.user), status = tonumber(m.status) }
      end },
      { verb = "filter", fn = function(e) return e.path == "/p3" or e.path:sub(-1) == "4" end },
      { verb = "assign", assigns = { { name = "shout", fn = function(e) return tm.text.upper(e.user) end },
        { name = "first", fn = function(e) return word:match(e.user) end } } },
      { verb = "map", fn = function(e) return { path = e.path, label = e.shout .. e.first, user = e.user } end },
    }
    assert.equal(40, #list)
    assert.same({ path = "/p3", label = "U 3u", user = "u 3" }, list[1])
    assert.same({ path = "/p4", label = "U 4u", user = "u 4" }, list[2])
  end)

  it("may be keys, values and conditions", function()
    local list = run { { verb = "filter", fn = function(e) return log:match(e.line) ~= nil and tm.text.starts_with(e.user, "u 1") end },
      { verb = "key", key_name = "key", fn = function(e) return word:match(e.line) end } }
    assert.equal(111, #list)
    assert.equal("GET", list[1].key)
  end)

  it("are strings in the rows of side outputs", function()
    local nodes = support.nodes(SCHEMA, { { verb = "map", fn = function(e, out)
      local m = log:match(e.line)
      out("verbs", { verb = m.verb })
      return { path = m.path, status = m.status }
    end } })
    assert.same({ verb = true }, nodes[1].codegen.analysis.strings)
    assert.equal("slice", nodes[1].codegen.modes.line)
  end)

  it("are texts to functions that give nothing", function()
    local seen = {}
    local list = run { { verb = "each", fn = function(e)
      if tm.text.starts_with(e.user, "u 5") then seen[#seen + 1] = tm.text.length(e.line) end
    end } }
    assert.equal(200, #list)
    assert.equal(55, #seen)
    assert.equal(#"GET /p5 5", seen[1])
  end)

  it("go through a flat_map that emits several rows, each through more operators", function()
    local list = run { { verb = "flat_map", fn = function(e, out)
      local m = log:match(e.line)
      out { part = m.verb, n = 1 }
      out { part = m.path, n = 2 }
      out { part = tm.text.lower(m.verb), n = 3 }
    end }, { verb = "filter", fn = function(e) return tm.text.length(e.part) > 2 end },
      { verb = "assign", assigns = { { name = "again", fn = function(e) return tm.text.trim(e.part) end } } } }
    assert.equal(600, #list)
    assert.same({ part = "GET", n = 1, again = "GET" }, list[1])
    assert.same({ part = "/p1", n = 2, again = "/p1" }, list[2])
    assert.same({ part = "get", n = 3, again = "get" }, list[3])
  end)

  it("are shown as texts when an operator behind fails", function()
    local _, runner = run { { verb = "map", fn = function(e) return { path = log:match(e.line).path, n = e.amount } end },
      { verb = "map", fn = function(e) return { x = e.n > 198 and e.path + e.n or 0 } end } }
    assert.same({ path = "/p9", n = 199 }, runner.failures[#runner.failures - 1].row)
  end)

  it("leave strings to what is kept", function()
    run { { verb = "map", fn = function(e)
      local m = log:match(e.line)
      kept[1] = m.path
      return { path = m.path, verb = m.verb }
    end } }
    assert.equal("/p0", kept[1])
  end)

  it("do not outlive an error of their function", function()
    local _, runner = run({ { verb = "map", fn = function(e)
      local m = log:match(e.line)
      return { path = m.path, n = tm.text.part(e.user, "", 1) }
    end } })
    assert.equal(1000, #runner.failures)
    assert.is_truthy(runner.failures[1].message:find("separator: a string of at least one character is needed", 1, true))
    assert.is_false(slice.scope.strings)
    assert.is_truthy(support.message(tm.text.upper, 5):find("a string is needed, given 5", 1, true))
  end)

  it("lie within their row", function()
    slice.scope.strings = {}
    slice.base.size = 10
    for _, number in ipairs { 2 ^ 26 * 11, 11, 2 ^ 26 * 5 + 6, -1, 2 ^ 60, 0.5 + 2 ^ 27 } do
      local ok, text = pcall(slice.text, number)
      if ok then assert.is_true(#text <= 10) else assert.is_truthy(text:find("a slice that is none", 1, true)) end
    end
    slice.scope.strings = false
  end)
end)
