-- Helper functions in the functions of operators: the row loop stays one compiled trace, and columns get their types without
-- a row.
local support = require "tests.spec.library.support"
local opcodes = require "codegen.opcodes"
local util = require "jit.util"
local tm = support.tm
local tonumber = tonumber -- busted finds globals through a function of its own

local SCHEMA = support.schema("line string; user string; ip string; url string; amount double; price decimal(10,2); ts timestamp@")

local log = tm.re [[^(?<verb>[A-Z]+) (?<path>\S+) (?<status>\d+)]]
local pair = tm.re [[(\w+)=(\w+)]]
local digits = tm.re [[\d+]]

-- What a function gives, and the columns that follow from its text alone.
local MAPS = {
  ["re:match with names"] = { function(e)
    local m = log:match(e.line)
    return m and { verb = m.verb, status = tonumber(m.status), path = m.path }
  end, "verb string, status double, path string" },
  ["re:match as the row"] = { function(e) return log:match(e.line) end, "verb string, path string, status string" },
  ["re:match of groups"] = { function(e)
    local name, value = pair:match(e.url)
    return { name = name, value = value }
  end, "name string, value string" },
  ["re:match of the whole"] = { function(e) return { n = digits:match(e.line) } end, "n string" },
  ["re:test"] = { function(e) return { ok = log:test(e.line), no = pair:test(e.user) } end, "ok bool, no bool" },
  ["re:find"] = { function(e) return { at = (digits:find(e.line)) } end, "at int" },
  ["re:count and re:replace"] = { function(e)
    return { n = digits:count(e.line), s = digits:replace(e.line, "<$0>") }
  end, "n int, s string" },
  ["tm.text"] = { function(e)
    return { a = tm.text.upper(e.user), b = tm.text.trim(e.line), c = tm.text.length(e.line), d = tm.text.part(e.ip, ".", 1),
      f = tm.text.replace(e.user, " ", "_"), g = tm.text.starts_with(e.line, "GET"), h = tm.text.lpad(e.user, 12) }
  end, "a string, b string, c int, d string, f string, g bool, h string" },
  ["tm.text, more"] = { function(e)
    return { a = tm.text.sub(e.user, 2, 4), b = tm.text.remove_prefix(e.line, "GET "), c = tm.text.find(e.line, "/"),
      d = tm.text.translate(e.user, "us", "ab"), f = tm.text.truncate(e.line, 5), g = tm.text.snake(e.user) }
  end, "a string, b string, c int, d string, f string, g string" },
  ["tm.time"] = { function(e)
    return { day = tm.time.truncate(e.ts, "day", "Europe/Paris"), hour = tm.time.hour(e.ts), at = tm.time.format(e.ts),
      next = tm.time.add(e.ts, 1, "month"), text = tm.time.format(e.ts, "%d.%m.%Y"), now = tm.time.now() }
  end, "day timestamp, hour int, at string, next timestamp, text string, now timestamp" },
  ["tm.time.parse"] = { function(e) return { at = tm.time.parse(tm.time.format(e.ts)) } end, "at timestamp" },
  ["tm.hash and tm.mask"] = { function(e)
    return { md5 = tm.hash.md5(e.user), key = tm.hash.hmac_sha256(e.user, "key"), n = tm.hash.bucket(e.user, 16),
      mask = tm.mask.middle(e.user, 1, 1), x = tm.hash.xxh3(e.line) }
  end, "md5 string, key string, n int, mask string, x string" },
  ["tm.ip and tm.url"] = { function(e)
    return { net = tm.ip.network(e.ip, 24), inside = tm.ip.within(e.ip, "10.0.0.0/8"), q = tm.url.param(e.url, "a"),
      path = tm.url.path(e.url) }
  end, "net string, inside bool, q string, path string" },
  ["tm.number"] = { function(e)
    return { r = tm.number.round(e.amount, 1), p = tm.number.round(e.price, 1), c = tm.number.clamp(e.amount, 10, 50),
      s = tm.number.format(e.amount, 2), n = tm.number.parse("1.5") }
  end, "r double, p ?, c double, s string, n double" },
  ["tm.encode and tm.decode"] = { function(e)
    return { b = tm.encode.base64(e.user), h = tm.encode.hex(e.user), p = tm.decode.percent("a%20b"), j = tm.encode.html(e.line) }
  end, "b string, h string, p string, j string" },
  ["tm.geo"] = { function(e) return { m = tm.geo.distance(e.amount / 2, 1, 2, 3) } end, "m double" },
}

local COLUMNS = {}
for name, map in pairs(MAPS) do COLUMNS[name] = { { verb = "map", fn = map[1] } } end

local CHAINS = {
  ["re:test in a filter"] = { { verb = "filter", fn = function(e) return log:test(e.line) end } },
  ["tm.text in a filter, then re:match"] = {
    { verb = "filter", fn = function(e) return tm.text.contains(e.line, "GET") end },
    { verb = "assign", assigns = { { name = "n", fn = function(e) return digits:match(e.line) end } } },
    { verb = "filter", fn = function(e) return e.n ~= "7" end },
  },
}
for name, chain in pairs(COLUMNS) do CHAINS[name] = chain end

local decimal = support.decimal.make
local function row(i)
  return { line = "GET /index/" .. i % 100 .. " 200", user = "user " .. i % 50, ip = "10.0.0." .. i % 200,
    url = "http://h/p?a=" .. i % 30, amount = i * 37 % 100, price = decimal(("%d.55"):format(i % 150)), ts = 1767323045678 + i * 1000 }
end

local function prepare(specs)
  local runner = support.runner(support.nodes(SCHEMA, specs), { full = 4096, full_bytes = 1024 * 1024, capacity = 1024 * 1024 })
  local rows = {}
  for i = 1, 1000 do rows[i] = row(i) end
  local small = {}
  for i = 1, 3 do small[i] = row(i) end
  return runner, function(count, times)
    for _ = 1, times do runner:batch(count == 3 and small or rows) end
  end
end

-- Aborted recordings and falls to the interpreter in what the chain runs.
local function watch(fn)
  local seen, started = {}, nil
  local function is_ours(f)
    local info = type(f) == "function" and util.funcinfo(f)
    return info and info.source and (info.source:find("^=tidemill") or info.source:find("lua/library/", 1, true))
  end
  local function event(what, trace, f, pc, code, reason)
    if what == "start" then
      started = f
    elseif what == "abort" and is_ours(started) then
      local info = util.funcinfo(f, pc)
      seen[#seen + 1] = ("%s: error %s %s"):format(info.loc or "?", tostring(code), tostring(reason))
    elseif what == "stop" and is_ours(started) and util.traceinfo(trace).linktype == "interpreter" then
      seen[#seen + 1] = "a trace that falls to the interpreter"
    end
  end
  jit.attach(event, "trace")
  local ok, err = pcall(fn)
  jit.attach(event)
  if not ok then error(err, 0) end
  return seen
end

local function link_of(loop)
  for pc = 1, util.funcinfo(loop).bytecodes - 1 do
    local name, operand = opcodes.name_at(loop, pc)
    if name == "JFORL" then return util.traceinfo(operand).linktype end
  end
  return "not compiled"
end

local names = {}
for name in pairs(CHAINS) do names[#names + 1] = name end
table.sort(names)

-- Calls the helper functions until they have traces of their own.
local function heat_up()
  for i = 1, 300 do
    local r = row(i)
    for name, map in pairs(MAPS) do if not name:find("geo") then map[1](r) end end
  end
end

describe("the row loop with", function()
  for _, name in ipairs(names) do
    it(name .. " is one compiled trace", function()
      local runner, run = prepare(CHAINS[name])
      run(1000, 40)
      assert.is_true(runner.instance.heat.compiled)
      local seen = watch(function() run(1000, 20) run(3, 300) end)
      assert.same({}, seen)
      assert.equal("loop", link_of(runner.instance.chunk.loop))
      assert.same({}, runner.failures)
    end)

    it(name .. " is one compiled trace where its helpers were compiled before", function()
      heat_up()
      local runner, run = prepare(CHAINS[name])
      run(1000, 40)
      assert.is_true(runner.instance.heat.compiled)
      assert.equal("loop", link_of(runner.instance.chunk.loop))
    end)
  end
end)

describe("helper functions", function()
  it("start afresh when a chain is switched on", function()
    local upper = tm.text.upper
    local function warm() for i = 1, 500 do upper("user " .. i) end end
    jit.off(warm) -- or its loop is compiled, and not what it calls
    warm()
    assert.equal("JFUNCF", opcodes.name_at(upper, 0))
    local _, run = prepare { { verb = "filter", fn = function(e) return e.amount > 1 end } }
    run(1000, 1)
    assert.not_equal("JFUNCF", opcodes.name_at(upper, 0))
  end)
end)

describe("the columns of", function()
  for name, map in pairs(MAPS) do
    it(name .. " have their types without a row", function()
      local nodes = support.nodes(SCHEMA, { { verb = "map", fn = map[1] } })
      local columns, expected = {}, {}
      for _, f in ipairs(nodes[1].schema.fields) do if not f.hidden then columns[f.name] = f.type end end
      for column, kind in map[2]:gmatch("(%w+) ([^,]+)") do expected[column] = kind end
      assert.same(expected, columns)
    end)
  end

  it("a line decoded are typed and in order", function()
    local nodes = support.nodes(SCHEMA, { { verb = "map", fn = function(e) return tm.decode.access_log(e.line) end } })
    assert.equal("host string, user string, time timestamp, method string, path string, protocol string, status int, bytes int, "
      .. "referer string, agent string", (support.show(nodes[1].schema):gsub(", %$time.*", "")))
  end)
end)
