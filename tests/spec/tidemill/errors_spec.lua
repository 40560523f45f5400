-- Wrong scripts and what is said of them. The expected texts are in errors.golden beside this file; after a change
-- that is meant, TM_GOLDEN=write writes it anew: read the difference as a user would, at two in the morning.
local scripts = require "tests.spec.support.scripts"

local GOLDEN = "tests/spec/tidemill/errors.golden"

local HEAD = [[
local tm = require "tidemill"
local rows = tm.from(tm.generate { count = 10, name = "rows", fields = {
  user = tm.gen.pattern("u##"), amount = tm.gen.uniform(1, 5, "decimal(10,2)"), n = tm.gen.sequence(),
  ratio = tm.gen.uniform(0, 1), city = tm.gen.choice { "Paris", "Rome" }, ts = tm.gen.timestamp { step = "1s" } } })
]]

local WRONG = {
  "return rows:key_by('usr')",
  "return rows:key_by('user', 'city')",
  "return rows:key_by()",
  "return rows:key_by {}",
  "return rows:key_by { 'user', 'user' }",
  "return rows:key_by(function() end, 'user')",
  "return rows:cuont()",
  "return rows:count()",
  "return rows.map(function() end)",
  "return rows:map()",
  "return rows:map(1, 2)",
  "return rows:filter({})",
  "return rows:select()",
  "return rows:select('user', 'citty')",
  "return rows:select('user', 'user')",
  "return rows:filter(function(e) return e.n > limt end)",
  "local limit = 3 return rows:assign { over = function(e) return e.n > limti end }",
  "do local limit = 3 end return rows:map(function(e) return { n = e.n, f = io and limit } end)",
  "do local limit = 3 end return rows:map(function(e) return { n = limit } end)",
  "return rows:watermark('ts', { out_of_order = '2 minutes' })",
  "return rows:drop('user', 'amount', 'n', 'ratio', 'city', 'ts')",
  "return rows:assign { x = 5 }",
  "return rows:assign()",
  "return rows:assign { ['$x'] = print }",
  "return rows:filter(print):returns { a = 'int' }",
  "return rows:named('')",
  "return rows:select('n'):named('rows')",
  "return rows:parallelism(0)",
  "return rows:parallelism(1.5)",
  "return rows:key_by('user'):parallelism(2)",
  "return rows:on_error('ignore')",
  "return rows:on_error(tm.lines())",
  "return rows:to()",
  "return rows:to(tm.lines())",
  "return rows:to(tm.print)",
  "return rows:to('out.jsonl')",
  "return rows:union()",
  "return rows:union(rows)",
  "return rows:union(rows:select('user'))",
  "return rows:watermark()",
  "return rows:watermark('time')",
  "return rows:watermark('n')",
  "return rows:watermark('ts', { out_of_oder = '5s' })",
  "return rows:watermark('ts', { out_of_order = '5 sec' })",
  "return rows:watermark('ts', { out_of_order = -1 })",
  "return rows:watermark('ts', '5s')",
  "return rows:window(tm.tumbling('1m'))",
  "return rows:key_by('user'):window(tm.tumbling('1m'))",
  "return rows:watermark('ts'):key_by('user'):window('1m')",
  "return rows:watermark('ts'):key_by('user'):window(tm.tumbling('1m')):agregate {}",
  "return rows:watermark('ts'):key_by('user'):window(tm.tumbling('1m')):aggregate {}",
  "return rows:watermark('ts'):key_by('user'):window(tm.tumbling('1m')):aggregate { n = 'count' }",
  "return rows:watermark('ts'):key_by('user'):window(tm.tumbling('1m')):aggregate { tm.count() }",
  "return rows:watermark('ts'):key_by('user'):window(tm.tumbling('1m')):aggregate { n = tm.count() }",
  "return rows:watermark('ts'):key_by('user'):window(tm.tumbling('1m')):aggregate { t = tm.sum('amout') }",
  "return rows:watermark('ts'):key_by('user'):window(tm.tumbling('1m')):aggregate { t = tm.sum('city') }",
  "return rows:watermark('ts'):key_by('user'):window(tm.tumbling('1m')):aggregate { user = tm.count() }",
  "return tm.tumbling('0s')",
  "return tm.tumbling('1m', { offset = '1m' })",
  "return tm.sliding('10m')",
  "return tm.sliding('1000d', 1)",
  "return tm.count('user')",
  "return tm.sum()",
  "return rows:key_by('user'):sum()",
  "return rows:key_by('user'):sum('city')",
  "return rows:key_by('user'):sum('amount', { emit = 'last' })",
  "return rows:key_by('user'):sum('amount', { a = 'x' })",
  "return rows:key_by('user'):sum('amount', { as = 'user' })",
  "return rows:key_by('user'):min('amount', 'city')",
  "return tm.from(tm.generate { fields = { a = tm.gen.sequence() } }):key_by('a'):count { emit = 'final' }",
  "return rows:key_by('user'):count { name = 'rows' }",
  "return rows:key_by('user'):reduce('latest')",
  "return rows:key_by('user'):reduce('x', print, { name = 'y' })",
  "return tm.sum_of('x')",
  "return tm.form(tm.lines())",
  "return tm.gen.unifrom(1, 2)",
  "return tm.from()",
  "return tm.from(tm.print())",
  "return tm.from(tm.schema { a = 'int' })",
  "return tm.from(tm.file { path = 'x.jsonl' })",
  "return tm.from(tm.file { path = 'x.dat' })",
  "return tm.from(tm.file { path = 'x.jsonl.gz', schema = { a = 'int' } })",
  "return tm.from(tm.file { pth = 'x.jsonl' })",
  "return tm.from(tm.file 'x.jsonl')",
  "return tm.from(tm.file {})",
  "return tm.from(tm.file { path = 'x.txt', schema = { a = 'int' } })",
  "return tm.from(tm.file { path = 'x.jsonl', schema = 'any' })",
  "return tm.from(tm.file { path = 'x.jsonl', schema = { a = 'integer' } })",
  "return tm.from(tm.file { path = 'x.jsonl', schema = { a = 'strng' } })",
  "return tm.from(tm.file { path = 'x.jsonl', schema = { a = 'decimal(40,2)' } })",
  "return tm.from(tm.file { path = 'x.jsonl', schema = { a = 'list' } })",
  "return tm.from(tm.file { path = 'x.jsonl', schema = { 'a', 'b' } })",
  "return tm.from(tm.file { path = 'x.jsonl', schema = { a = { 'int', requird = true } } })",
  "return tm.from(tm.file { path = 'x.jsonl', schema = {} })",
  "return tm.from(tm.file { path = 'x.jsonl', schema = { a = 'int' }, if_exists = 'append' })",
  "return tm.from(tm.file { path = 'x.jsonl', format = 'cvs', schema = { a = 'int' } })",
  "return tm.from(tm.file { path = 'x.csv' })",
  "return rows:to(tm.file { path = 'x.csv', nulls = 'omit' })",
  "return rows:to(tm.file { path = 'x', format = tm.csv { delimeter = ';' } })",
  "return rows:to(tm.file { path = 'x', format = tm.csv { delimiter = '||' } })",
  "return rows:to(tm.file { path = 'x', format = tm.csv { quote = 'ab' } })",
  "return rows:to(tm.file { path = 'x', format = tm.csv { header = 'no' } })",
  "return rows:to(tm.file { path = 'x', format = tm.csv { null = { a = 'b' } } })",
  "return rows:to(tm.file { path = 'x', format = tm.csv { null = {} } })",
  "return rows:to(tm.file { path = 'x', format = tm.csv { null = 'a\\nb' } })",
  "return rows:to(tm.file { path = 'x', format = tm.csv { ragged = 'padd' } })",
  "return rows:to(tm.file { path = 'x', format = tm.csv { skip_lines = -1 } })",
  "return rows:to(tm.file { path = 'x', format = tm.csv(';', true) })",
  "return rows:to(tm.file { path = 'x', format = tm.csv })",
  "return tm.from(tm.stdin { max_record = '1TB' })",
  "return tm.from(tm.lines()):filter(function(e) return e.line == 'a' end):to(tm.discard())",
  "return rows:map(function(e) return { x = e.user.name } end):to(tm.discard())",
  "tm.from(tm.lines()):to(tm.discard()) return tm.from(tm.lines())",
  "rows:to(tm.file { path = 'o.jsonl' }) return rows:to(tm.file { path = 'o.jsonl' })",
  "return rows:to(tm.file { path = 'o.jsonl', max_record = 1 })",
  "return rows:to(tm.file { path = 'o.txt' })",
  "return rows:to(tm.file { path = 'o.jsonl', schema = { user = 'string' } })",
  "return tm.from(tm.generate { count = -1, fields = { a = tm.gen.sequence() } })",
  "return tm.from(tm.generate { count = 1 })",
  "return tm.from(tm.generate { count = 1, fields = { a = 'int' } })",
  "return tm.from(tm.generate { rate = 0, fields = { a = tm.gen.sequence() } })",
  "return tm.from(tm.socket())",
  "return tm.from(tm.socket { port = 0 })",
  "return tm.from(tm.socket { port = 70000 })",
  "return tm.from(tm.socket { prot = 9000 })",
  "return tm.from(tm.socket { port = 9000, listen = true, reconnect = true })",
  "return tm.from(tm.socket { port = 9000, listen = true, host = '0.0.0.0' })",
  "return tm.from(tm.socket { port = 9000, expose = true })",
  "return tm.from(tm.socket { port = 9000, format = 'json' })",
  "return rows:to(tm.socket { port = 9000 })",
  "return tm.from(tm.socket { port = 9000, reconnect = true }):key_by('line'):count { emit = 'final' }",
  "return rows:to(tm.sink())",
  "return rows:to(tm.sink { wirte = print })",
  "return rows:to(tm.sink { write = 'out' })",
  "return rows:to(tm.sink { write = function(e) return e.idd end })",
  "return rows:to(tm.sink { write = function(e) e.id = 1 end })",
  "return rows:to(tm.sink { write = function(e) io.write(e.id) end })",
  "return rows:to(tm.file { path = 'a.jsonl', on_error = tm.sink { write = function() end } })",
  "return rows:to(tm.webhook())",
  "return rows:to(tm.webhook { url = 'example.com' })",
  "return rows:to(tm.webhook { url = 'http://a.b/', bach = 5 })",
  "return rows:to(tm.webhook { url = 'http://a.b/', body = 'line' })",
  "return rows:to(tm.webhook { url = 'http://a.b/', body = 'record', batch = 5 })",
  "return rows:to(tm.webhook { url = 'http://a.b/', format = 'csv' })",
  "return rows:to(tm.webhook { url = 'http://a.b/', headers = 'X: y' })",
  "return rows:to(tm.webhook { url = 'http://a.b/', headers = { ['X Y'] = 'z' } })",
  "return rows:to(tm.webhook { url = 'http://a.b/', headers = { X = 'a\\nY: b' } })",
  "return rows:to(tm.webhook { url = 'http://a.b/', retry = { atempts = 3 } })",
  "return rows:to(tm.webhook { url = 'http://a.b/', retry = { min = '1m', max = '1s' } })",
  "return rows:to(tm.webhook { url = 'http://a.b/', in_flight = 99 })",
  "return tm.from(tm.webhook { url = 'http://a.b/' })",
  "return tm.gen.uniform(5, 1)",
  "return tm.gen.uniform(1, 5.5, 'int')",
  "return tm.gen.uniform(1, 5, 'string')",
  "return tm.gen.choice { 1, 'a' }",
  "return tm.gen.choice 'FR'",
  "return tm.gen.pattern('user')",
  "return tm.gen.pattern('u##', { distinct = 1000 })",
  "return tm.gen.timestamp { start = 'yesterday' }",
  "return tm.gen.sequence { start = 1, last = 0 }",
  "return tm.gen.sequence { ['end'] = 10 }",
  "return tm.gen.normal(1)",
  "return tm.gen.normal(1, -1)",
  "return tm.gen.normal(1, 1, { type = 'decimal(20,2)' })",
  "return tm.gen.normal(1, 1, { typ = 'int' })",
  "return tm.gen.zipf { distint = 5 }",
  "return tm.gen.zipf()",
  "return tm.gen.choice({ 1, 2 }, { weights = { 1 } })",
  "return tm.gen.choice({ 1, 2 }, { weights = { 0, 0 } })",
  "return tm.gen.choice { 1, 2, weights = { 1, 2 } }",
  "return tm.gen.bool { share = 2 }",
  "return tm.gen.string { length = { 9, 3 } }",
  "return tm.gen.string { length = 'long' }",
  "return tm.gen.string { alphabet = 'äöü' }",
  "return tm.gen.constant(nil)",
  "return tm.gen.uuid { nulls = 3 }",
  "return tm.from(tm.generate { count = 1, fields = function(i) return i end })",
  "return tm.job('')",
  "return tm.job('a', { paralelism = 3 })",
  "return tm.job('a', { parallelism = 4, max_parallelism = 2 })",
  "return tm.job('a', { lua_memory = '1MB' })",
  "return tm.job('a', { lua_memory = 'lots' })",
  "return tm.job('a')",
  "tm.job('a') return tm.job('a')",
  "local a, b = tm.job('a'), tm.job('b') a:from(tm.lines()) return b:from(tm.stdin { name = 's' })",
  "local a = tm.job('a') return a:form(tm.lines())",
  "return tm",
  "return",
  "return function() end",
  "tm.arg('n', {}) return rows",
  "tm.x = 1",
  "total = 0",
  "return totl",
  "return io.open('x')",
  "return os.getenv('HOME')",
  "return require 'tidemil'",
  "return require '../x'",
  "return rows:map(function(e) return e end):nmae('x')",
  "local t = nil return t.x",
  "return 1 + {}",
  "error('my own words')",
  "error { 1 }",
  "return rows:",
  "for k in next, { a = 1, b = 2 } do end return rows",
}

local function said()
  local out = {}
  for _, text in ipairs(WRONG) do
    out[#out + 1] = text .. "\n  " .. scripts.line(HEAD .. text) .. "\n"
  end
  return table.concat(out)
end

describe("a wrong script", function()
  it("is told what was given, what is allowed and what to write", function()
    local text = said()
    if os.getenv("TM_GOLDEN") == "write" then
      local file = assert(io.open(GOLDEN, "wb"))
      file:write(text)
      file:close()
    end
    local file = assert(io.open(GOLDEN, "rb"))
    local expected = file:read("*a")
    file:close()
    assert.equal(expected, text)
  end)

  it("is told the same in every run", function()
    assert.equal(said(), said())
  end)

  it("is told of an argument that the job does not have", function()
    assert.equal('--set inptu: [USAGE] the job has no argument "inptu"; it has input | did you mean "input"?',
      scripts.line("local tm = require 'tidemill' tm.arg('input', 'x') return tm.from(tm.lines())",
        { set = { inptu = "y" } }))
    assert.equal("job.lua:1: [USAGE] --set n=many: a number is needed | the default is 3",
      scripts.line("local tm = require 'tidemill' tm.arg('n', 3) return tm.from(tm.lines())", { set = { n = "many" } }))
  end)

  it("is told that bytecode is not loaded", function()
    assert.equal("job.lua: [SANDBOX] bytecode cannot be loaded, only Lua text",
      scripts.line(string.dump(function() return 1 end)))
  end)

  it("is told which of its files requires itself", function()
    assert.equal('a.lua:1: [SCRIPT_RUN] require: "a" requires itself, through others or not',
      scripts.line("return require 'a'", { files = { ["a.lua"] = "return 1 + require 'a'" } }))
  end)
end)
