-- How a case file is read, and what is said of one that is wrong.
local format = require "tests.functional.cases.format"
local json = require "tests.functional.cases.json"

local HEAD = [[
source rows: k string, v decimal(10,2), ts timestamp
sink out: k n
job count
| return from.rows():window($1):count($2):to(sink.out)
]]

local function read(text)
  local cases, wrong = format.read(HEAD .. text)
  if not cases then error(wrong.line .. ": " .. wrong.what, 2) end
  return cases
end

local function wrong_of(text)
  local cases, wrong = format.read(HEAD .. text)
  assert.is_nil(cases)
  return ("%d: %s"):format(wrong.line - 4, wrong.what)
end

local CASE = "case one\nrule SEMANTICS 1: a rule\njob count tm.tumbling(10) | 5\n"

describe("a case file", function()
  it("has steps with what is expected behind each", function()
    local case = read(CASE .. "< a 1.5 0\nwatermark 9\n> a 1\n> b 2\nend\n")[1]
    assert.equal("one", case.title)
    assert.equal(5, case.line)
    assert.same({ "SEMANTICS 1: a rule" }, case.rules)
    assert.equal(3, #case.steps)
    assert.same({ { k = "a", v = 1.5, ts = 0 } }, case.steps[1].push)
    assert.same({ { line = 10, sink = "out", row = { k = "a", n = 1 } }, { line = 11, sink = "out", row = { k = "b", n = 2 } } },
      case.steps[2].rows)
    assert.same({}, case.steps[3].rows)
  end)

  it("has values of every type", function()
    local row = read(CASE .. '< "a b" null true ; [1,"x"] {"a":{"b":null}} -1e3\nnothing\n')[1].steps[1].push
    assert.same({ k = "a b", v = json.null, ts = true }, row[1])
    assert.same({ k = { 1, "x" }, v = { a = { b = json.null } }, ts = -1000 }, row[2])
  end)

  it("has sources, sinks and watermarks by name", function()
    local case = read(CASE .. "source more: x int\nsink late = w.late: x\n<more 5\n>late 5\n"
      .. "watermark more 7\nidle more\nend more\nend\n")[1]
    assert.equal("more", case.steps[1].source)
    assert.equal("late", case.steps[1].rows[1].sink)
    assert.equal("w.late", case.sinks[2].take)
    assert.same({ "watermark", "more", 7 }, { case.steps[2].kind, case.steps[2].source, case.steps[2].at })
    assert.same({ "idle", "end", "end" }, { case.steps[3].kind, case.steps[4].kind, case.steps[5].kind })
    assert.is_nil(case.steps[5].source)
  end)

  it("keeps what a case declares to the case", function()
    local cases = read(CASE .. "sink out: k\norder any\nonly 1: a reason\nend\n> a\n" .. CASE .. "end\n> a 1\n")
    assert.same({ { 1 }, { 1, 3 } }, { cases[1].parallelisms, cases[2].parallelisms })
    assert.same({ "any", "arrival" }, { cases[1].order, cases[2].order })
    assert.same({ 1, 2 }, { #cases[1].sinks[1].fields, #cases[2].sinks[1].fields })
  end)

  it("has what is expected of the inside", function()
    local checks = read(CASE .. "end\nstate p [\"a\",1]: n=5 m=null\nstate p a: none\ntimers p: 10 a, clock 20 b late\n"
      .. "timers p: none\nmetrics p: late=1\nat p: -5\nat p: none\nheld p: rows since=3\n")[1].steps[1].checks
    assert.same({ n = 5, m = json.null }, checks[1].values)
    assert.same({ "a", 1 }, checks[1].key)
    assert.same({}, checks[2].values)
    assert.same({ { domain = "event", at = 10, key = "a" },
      { domain = "processing", at = 20, key = "b", name = "late" } }, checks[3].timers)
    assert.same({}, checks[4].timers)
    assert.same({ late = 1 }, checks[5].values)
    assert.equal(-5, checks[6].at)
    assert.is_nil(checks[7].at)
    assert.same({ "rows", { since = 3 } }, { checks[8].source, checks[8].values })
  end)

  it("has failures of the step before, or of the job", function()
    local cases = read(CASE .. "< a 1 0\nfails NULL_KEY: some words\n" .. CASE .. "start\nfails ARGUMENT\n")
    assert.same({ code = "NULL_KEY", part = "some words", line = 9 }, cases[1].steps[1].fails)
    assert.equal("start", cases[2].steps[1].kind)
    assert.equal("", cases[2].steps[1].fails.part)
  end)
end)

describe("the job of a case", function()
  it("has its arguments, and its lines where they are in the file", function()
    local case = read(CASE .. "end\nnothing\n")[1]
    local text = format.job(case)
    assert.truthy(text:find("window(tm.tumbling(10)):count(5)", 1, true))
    assert.truthy(text:find('v = "decimal(10,2)"', 1, true))
    assert.equal(3, select(2, text:match("^\n*"):gsub("\n", "")))
  end)

  it("is told what it lacks", function()
    local text, why = format.job(read((CASE:gsub(" | 5", "")) .. "end\nnothing\n")[1])
    assert.is_nil(text)
    assert.truthy(why:find("more arguments"))
  end)
end)

describe("a wrong case file is told", function()
  for what, given in pairs {
    ["1: a case without a rule"] = "case one\njob count 1 | 2\nend\nnothing\n",
    ["1: a case without a job"] = "case one\nrule OURS: x\nend\nnothing\n",
    ["1: a case that expects nothing"] = CASE .. "< a 1 0\n",
    ["1: a case without steps"] = CASE,
    ["4: the source has 3 fields, given 2 values"] = CASE .. "< a 1\n",
    ["5: the sink has 2 fields, given 1 values"] = CASE .. "end\n> a\n",
    ['4: no source "other"'] = CASE .. "<other a 1 0\n",
    ['5: no sink "other"'] = CASE .. "end\n>other a\n",
    ["4: not understood: wattermark 5"] = CASE .. "wattermark 5\n",
    ["4: expected `watermark AT` or `watermark source AT`"] = CASE .. "watermark soon\n",
    ["4: an expectation before the first step"] = CASE .. "> a 1\n",
    ["1: a step outside a case"] = "watermark 5\n",
    ['3: no job "counts" above'] = "case one\nrule OURS: x\njob counts\n",
    ['4: a text without its closing quote: "a 1 0'] = CASE .. '< "a 1 0\n',
  } do
    it(what, function() assert.equal(what, wrong_of(given)) end)
  end

  it("that says no rule", function()
    assert.truthy(wrong_of("case one\nrule because\n"):find("^2: a rule says whose it is"))
  end)
end)
