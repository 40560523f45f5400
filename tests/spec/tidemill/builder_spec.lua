-- What right scripts become: nodes, names, schemas, places, fingerprints.
local scripts = require "tests.spec.support.scripts"

local HEAD = [[
local tm = require "tidemill"
local rows = tm.from(tm.generate { count = 10, name = "rows", fields = {
  user = tm.gen.pattern("u##"), amount = tm.gen.uniform(1, 5, "decimal(10,2)"), n = tm.gen.sequence(),
  ratio = tm.gen.uniform(0, 1), city = tm.gen.choice { "Paris", "Rome" }, ts = tm.gen.timestamp { step = "1s" } } })
]]

local function columns(text, name)
  local job = scripts.job(HEAD .. text)
  return scripts.columns((name and scripts.node(job, name) or job.nodes[#job.nodes - 1]).schema)
end

local function names(text)
  local list = {}
  for i, node in ipairs(scripts.job(HEAD .. text).nodes) do list[i] = node.name end
  return table.concat(list, " ")
end

describe("a job", function()
  it("takes its name from the file, or from tm.job", function()
    assert.equal("wordcount", scripts.job("local tm = require 'tidemill' return tm.from(tm.lines())",
      { path = "jobs/wordcount.lua" }).name)
    local job = scripts.job [[
      local tm = require "tidemill"
      local job = tm.job("fraud", { parallelism = 4, max_parallelism = 256, latency = "20ms", lua_memory = "2GB" })
      job:from(tm.lines()):to(tm.print())
      return job]]
    assert.equal("fraud", job.name)
    assert.same({ parallelism = 4, max_parallelism = 256, latency = 20, lua_memory = 2 ^ 31,
      checkpoint = { interval = 30000, timeout = 600000, aligned_timeout = 5000, retain = 3 } }, job.options)
  end)

  it("that ends in a stream without a sink is printed, and says so", function()
    local job, session = scripts.job(HEAD .. "return rows")
    assert.equal("print", job.nodes[2].connector)
    assert.matches("the sink is implied", require("tidemill.session").findings(session)[1].message)
  end)

  it("has ids in order of creation and inputs by node", function()
    local job = scripts.job(HEAD .. "return rows:select('user'):key_by('user'):count { name = 'c' }")
    for i, node in ipairs(job.nodes) do assert.equal(i - 1, node.id) end
    assert.equal(job.nodes[3], job.nodes[4].inputs[1])
  end)
end)

describe("names", function()
  it("come from kind and key, numbered when taken", function()
    assert.equal("rows key_by(user) count(user) print count(user)#2 print#2", names [[
      local k = rows:key_by("user")
      k:count():to(tm.print()) k:count():to(tm.print())
      return rows]])
  end)

  it("of function nodes come from verb and line", function()
    assert.equal("rows select(job.lua:5) drop(job.lua:6) print",
      names "return rows:select('user', 'n')\n  :drop('n')")
  end)

  it("given by the user push derived ones aside", function()
    assert.equal("rows key_by(user) count(user)#2 key_by(user)#2 count(user) print print#2", names [[
      local first = rows:key_by("user"):count()
      return rows:key_by("user"):count { name = "count(user)" }]])
  end)

  it("of sources and sinks come from the file", function()
    assert.equal("x.jsonl y.jsonl", table.concat((function()
      local list = {}
      for i, n in ipairs(scripts.job([[
        local tm = require "tidemill"
        return tm.from(tm.file { path = "in/x.jsonl", schema = { a = "int" } }):to(tm.file { path = "out/y.jsonl" })
      ]]).nodes) do list[i] = n.name end
      return list
    end)(), " "))
  end)
end)

describe("schemas", function()
  it("stand in the order of the text", function()
    assert.equal("user string!, amount decimal(10,2)!, n int!, ratio double!, city string!, ts timestamp!",
      columns("return rows", "rows"))
    assert.equal("zz int, aa decimal(38,2)!, mm bool", scripts.columns(scripts.job([[
      local tm = require "tidemill"
      return tm.from(tm.stdin { schema = tm.schema {
        zz = "int", aa = { "decimal(38, 2)", required = true }, mm = "bool" } })
    ]]).nodes[1].schema))
  end)

  it("of text records are one string", function()
    local s = scripts.job("local tm = require 'tidemill' return tm.from(tm.lines())").nodes[1].schema
    assert.equal("line string!", scripts.columns(s))
    assert.is_true(s.bare)
  end)

  it("of rolling operators are the key and the result", function()
    assert.equal("user string, count int", columns "return rows:key_by('user'):count()")
    assert.equal("user string, city string, total decimal(38,2)",
      columns "return rows:key_by { 'user', 'city' }:sum('amount', { as = 'total' })")
    assert.equal("user string, avg decimal(38,6)", columns "return rows:key_by('user'):avg('amount')")
    assert.equal("user string, avg double", columns "return rows:key_by('user'):avg('n')")
    assert.equal("user string, max decimal(10,2)", columns "return rows:key_by('user'):max('amount')")
    assert.equal("user string, min string", columns "return rows:key_by('user'):min('city')")
    assert.equal("user string, sum double", columns "return rows:key_by('user'):sum('ratio')")
  end)

  it("of rolling operators keep the row's time in a hidden column, but not at the end of input", function()
    assert.equal("user string, count int, $time timestamp*@",
      columns "return rows:watermark('ts'):key_by('user'):count()")
    assert.equal("user string, count int",
      columns "return rows:watermark('ts'):key_by('user'):count { emit = 'final' }")
  end)

  it("of windows are key, window, aggregates in the order of the text, and the hidden time", function()
    assert.equal("city string, window_start timestamp, window_end timestamp, z int, a decimal(38,2), m string, "
      .. "$time timestamp*@",
      columns [[return rows:watermark("ts"):key_by("city"):window(tm.tumbling("1m"))
        :aggregate("w", { z = tm.count(), a = tm.sum("amount"), m = tm.last("user") })]])
  end)

  it("of a window of windows have a time again", function()
    assert.equal("city string, window_start timestamp, window_end timestamp, n int, $time timestamp*@", columns [[
      return rows:watermark("ts"):key_by("city"):window(tm.tumbling("1m"))
          :aggregate("minutes", { total = tm.sum("amount") })
        :key_by("city"):window(tm.tumbling("1h")):aggregate("hours", { n = tm.count() })]])
  end)

  it("of a key made by a function show it under its name", function()
    assert.equal("area string, count int", columns "return rows:key_by(function(e) return e.city end, 'area'):count()")
  end)

  it("of a union are those of its streams", function()
    assert.equal("user string!", columns "return rows:select('user'):union(rows:select('user'))")
  end)
end)

describe("modifiers", function()
  it("are about the operator just added", function()
    local job = scripts.job(HEAD .. [[
      return rows:select("user"):named("only user"):parallelism(3):on_error("skip"):to(tm.discard())]])
    local node = scripts.node(job, "only user")
    assert.equal(3, node.parallelism)
    assert.equal("skip", node.on_error)
    assert.equal("fail", job.nodes[1].on_error)
  end)

  it("on_error of a key made by a function is also its function's", function()
    local job = scripts.job(HEAD .. "return rows:key_by(function(e) return e.city end):on_error('skip'):count()")
    assert.equal("skip", job.nodes[2].on_error)
    assert.equal("skip", job.nodes[3].on_error)
  end)

  it("on_error leads any number of operators to one sink of dead letters", function()
    local job = scripts.job(HEAD .. [[
      local dead = tm.file { path = "dead.jsonl" }
      return rows:select("user"):on_error(dead):filter(function() return true end):on_error(dead)
        :to(tm.discard { on_error = dead })]])
    local sink = scripts.node(job, "dead.jsonl")
    assert.same({}, sink.inputs)
    local count = 0
    for _, node in ipairs(job.nodes) do
      if type(node.on_error) == "table" then
        assert.equal(sink, node.on_error.dead_letter)
        count = count + 1
      end
    end
    assert.equal(3, count)
    assert.equal("code message operator subtask row source offset line raw raw_base64", (function()
      local list = {}
      for i, f in ipairs(sink.dead_letter_schema.fields) do list[i] = f.name end
      return table.concat(list, " ")
    end)())
  end)

  it("on_error of the job is the default of its operators", function()
    local job = scripts.job [[
      local tm = require "tidemill"
      local job = tm.job("j", { on_error = "skip" })
      job:from(tm.lines { on_error = "fail" }):to(tm.discard())
      return job]]
    assert.equal("fail", job.nodes[1].on_error)
    assert.equal("skip", job.nodes[2].on_error)
  end)
end)

describe("windows and watermarks", function()
  it("take durations as texts or milliseconds", function()
    local job = scripts.job(HEAD .. [[
      return rows:watermark("ts", { out_of_order = "5s", idle = 1000 }):key_by("user")
        :window(tm.sliding("10m", 60000, { offset = "-5s" })):aggregate("w", { n = tm.count() })]])
    local mark = scripts.node(job, "watermark(ts)")
    assert.same({ 5000, 1000 }, { mark.disorder_ms, mark.idle_ms })
    local w = scripts.node(job, "w").window
    assert.same({ 600000, 60000, -5000 }, { w.size_ms, w.slide_ms, w.offset_ms })
  end)

  it("go idle after 30 seconds unless told otherwise", function()
    assert.equal(30000, scripts.node(scripts.job(HEAD .. "return rows:watermark('ts')"), "watermark(ts)").idle_ms)
    assert.equal(0, scripts.node(scripts.job(HEAD .. "return rows:watermark('ts', { idle = false })"),
      "watermark(ts)").idle_ms)
  end)
end)

describe("arguments", function()
  it("come from --set, with the type of their default", function()
    local text = [[
      local tm = require "tidemill"
      assert(tm.arg("n", 5, "how many") == 7 and tm.arg("on", false) == true and tm.arg("s", "x") == "y")
      assert(tm.arg("other", 3) == 3 and tm.args.free == "z" and tm.args.none == nil)
      return tm.from(tm.lines())]]
    local _, session = scripts.job(text, { set = { n = "7", on = "true", s = "y", free = "z" } })
    assert.same({ { name = "n", default = "5", doc = "how many" }, { name = "on", default = "false", doc = "" },
      { name = "s", default = "x", doc = "" }, { name = "other", default = "3", doc = "" } }, session.arguments)
  end)
end)

describe("generated fields", function()
  it("become flat options", function()
    local options = {}
    for _, o in ipairs(scripts.job(HEAD .. "return rows").nodes[1].options) do options[o.name] = o.value end
    assert.equal(10, options.count)
    assert.equal("user", options["field.0.name"])
    assert.equal("pattern", options["field.0.kind"])
    assert.equal("u##", options["field.0.pattern"])
    assert.equal("decimal(10,2)", options["field.1.type"])
    assert.equal(5, options["field.1.max"])
    assert.equal("Paris\31Rome", options["field.4.choices"])
    assert.equal(1000, options["field.5.step"])
  end)

  it("leave to the generator what is not said, and take the rest", function()
    local function options(given)
      local list = {}
      for _, o in ipairs(scripts.job("local tm = require 'tidemill' return tm.from(tm.generate { count = 1, fields = { ts = "
        .. "tm.gen.timestamp" .. given .. " } })").nodes[1].options) do
        list[#list + 1] = o.name:match("^field%.0%.(.*)") and o.name:match("[^.]*$") .. "=" .. tostring(o.value)
      end
      return table.concat(list, " ")
    end
    assert.equal("disorder=0 kind=timestamp name=ts step=1 type=timestamp", options "()")
    assert.equal("disorder=2000 kind=timestamp late_share=0.5 name=ts start=1767225600000 step=1 type=timestamp",
      options "{ disorder = '2s', late_share = 0.5, start = '2026-01-01' }")
    for _, wrong in ipairs { "{ start = '2026-02-30' }", "{ start = '2026-01-01T25:00:00Z' }", "{ start = '2026-13-01' }",
      "{ late_share = 2 }", "{ late_share = '1' }" } do
      assert.equal("ARGUMENT", scripts.fault("local tm = require 'tidemill' tm.gen.timestamp" .. wrong).code)
    end
  end)
end)

describe("generated fields that are functions", function()
  local function nodes(fields) return scripts.job(("local tm = require 'tidemill' return tm.from(tm.generate { count = 3, seed = 9, %s })")
    :format(fields)).nodes end

  it("are an operator behind the source; columns stand as they are written", function()
    local list = nodes [[fields = { a = function(i) return i * 2 end, n = tm.gen.sequence(), i = function(i) return i end,
      b = function(_, random) return 'x' .. random(3) end }]]
    assert.equal("n int!, $i int*!", scripts.columns(list[1].schema))
    assert.equal("a double, n int!, i int!, b string", scripts.columns(list[2].schema))
    assert.same({ number = "$i", seed = 9, order = { "a", "n", "i", "b" } }, list[2].made)
  end)

  it("can make whole rows, also declared ones", function()
    assert.equal("id int!, v double", scripts.columns(nodes "fields = function(i, random) return { id = i, v = random() } end"[2].schema))
    local job = scripts.job [[local tm = require "tidemill"
      return tm.from(tm.generate { count = 1, fields = function(i) return { id = i } end }):returns { id = "int64" }]]
    assert.equal("id int64", scripts.columns(job.nodes[2].schema))
  end)

  it("bound the input where a sequence has a last value", function()
    assert.is_nil(nodes "fields = { n = tm.gen.sequence { last = 5 } }"[1].endless)
    local job = scripts.job "local tm = require 'tidemill' return tm.from(tm.generate { fields = { n = tm.gen.sequence { last = 5 } } })"
    assert.is_nil(job.nodes[1].endless)
  end)

  it("may be null where nulls says so", function()
    local list = nodes "fields = { n = tm.gen.sequence { nulls = 0.5 }, m = tm.gen.uuid() }"
    assert.is_false(list[1].schema.fields[1].required)
    assert.is_true(list[1].schema.fields[2].required)
  end)
end)

describe("required files", function()
  it("run once, in the sandbox, from the job's folder", function()
    local job = scripts.job([[
      local tm = require "tidemill"
      local lib = require "lib.schemas"
      assert(lib == require "lib.schemas")
      return tm.from(tm.stdin { schema = lib.Row })]], { path = "jobs/a.lua", files = { ["jobs/lib/schemas.lua"] = [[
        local tm = require "tidemill"
        return { Row = tm.schema { z = "int", a = "string" } }]] } })
    assert.equal("z int, a string", scripts.columns(job.nodes[1].schema))
  end)

  it("are named in the faults that they raise", function()
    local f = scripts.fault("return require 'lib'", { files = { ["lib.lua"] = "\nreturn nope" } })
    assert.equal("lib.lua:2", f.where)
    f = scripts.fault("return require 'lib'", { files = {
      ["lib.lua"] = "\n\nlocal tm = require 'tidemill'\nreturn tm.sun()" } })
    assert.equal("lib.lua:4", f.where)
  end)
end)

describe("the place of a call", function()
  it("is its own line in a chain, also of a call in tail position", function()
    local job = scripts.job [[
local tm = require "tidemill"

return tm.from(tm.lines())
  :select("line")
  :key_by("line")

  :count()
  :to(tm.discard())]]
    local lines = {}
    for i, node in ipairs(job.nodes) do lines[i] = node.where:match(":(%d+)$") end
    assert.same({ "3", "4", "5", "7", "8" }, lines)
  end)
end)

describe("fingerprints", function()
  local fingerprint = require "tidemill.fingerprint"
  local function of(text, options) return bit.tohex(fingerprint.of((scripts.job(text, options))), 16) end

  it("are equal for equal scripts and differ for any difference", function()
    local base = of(HEAD .. "return rows:watermark('ts')")
    assert.equal(base, of(HEAD .. "return rows:watermark('ts')"))
    assert.not_equal(base, of(HEAD .. "return rows:watermark('ts') "))
    assert.not_equal(base, of(HEAD .. "return rows:watermark('ts', { idle = 1 })"))
    local text = "local tm = require 'tidemill' "
      .. "return tm.from(tm.generate { count = tm.arg('n', 1), fields = { a = tm.gen.sequence() } })"
    assert.not_equal(of(text), of(text, { set = { n = "2" } }))
  end)

  it("hold what was declared and the columns, not how the analysis found them", function()
    local job = scripts.job(HEAD .. "return rows:map(function(e) return { a = e.user } end)")
    local before, node = fingerprint.text(job), job.nodes[2]
    node.codegen.analysis.steps, node.codegen.more, node.findings = 1e9, {}, { {} }
    assert.equal(before, fingerprint.text(job))
    node.schema.fields[1].type = "int"
    assert.not_equal(before, fingerprint.text(job))
  end)

  it("do not change with what a function loads while it runs", function()
    local job = scripts.job(HEAD .. "return rows:map(function(e) return { a = require('lib').f(e.user) } end)"
      .. ":returns { a = 'string' }", { files = { ["lib.lua"] = "return { f = function(x) return x end }" } })
    local before = fingerprint.text(job)
    assert.equal("u1", job.nodes[2].fn({ user = "u1" }).a)
    assert.equal(before, fingerprint.text(job))
  end)

  it("come from functions of the job alone: the engine's own are not followed", function()
    local job = scripts.job(HEAD .. "return rows:filter(function(e) return require('lib') end)")
    assert.equal(1, #job.nodes[2].codegen.analysis.functions)
  end)
end)
