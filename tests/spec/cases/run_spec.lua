-- What a run of a case finds: every difference between what it expects and what a job gives. The job is a double that gives what it
-- is told.
local format = require "tests.functional.cases.format"
local run = require "tests.functional.cases.run"

local HEAD = [[
source rows: k string, v int
sink out: k n
sink late = w.late: k
job any
| return from.rows():to(sink.out)
case one
rule OURS: a rule
job any
]]

-- A job that gives `rows` with the push, and `inside` when it is looked at.
local function double(rows, inside, log)
  inside, log = inside or {}, log or {}
  local t = { gives = {} }
  function t:push(source, pushed)
    log[#log + 1] = { source, pushed }
    if inside.fails then error(inside.fails, 0) end
    self.gives = { out = rows, ["w.late"] = inside.late }
  end
  function t.advance_watermark(_, at, source) log[#log + 1] = { "watermark", at, source } end
  function t:now() return self.clock or 0 end
  function t:advance_clock(ms) self.clock = self:now() + ms log[#log + 1] = { "clock", ms } end
  function t.idle(_, source) log[#log + 1] = { "idle", source } end
  function t.finish(_, source) log[#log + 1] = { "end", source } end
  function t:take(name)
    local taken = self.gives[name] or {}
    self.gives[name] = nil
    return taken
  end
  function t.state() return inside.state or {} end
  function t.timers() return inside.timers or {} end
  function t.metrics() return inside.metrics or {} end
  function t.watermark() return inside.at, inside.held end
  function t.close() log[#log + 1] = { "close" } end
  return function(job, options)
    log.job, log.options = job, options
    return t
  end
end

local function run_of(text, rows, inside, parallelism, log)
  local cases, wrong = format.read(HEAD .. text)
  if not cases then error(wrong.line .. ": " .. wrong.what) end
  return run.case(double(rows, inside, log), cases[1], parallelism or 1, "a.case")
end

local function difference(...)
  local found = run_of(...)
  return found and ("%d: %s"):format(found.line - 8, found.what)
end

local TWO = { { k = "a", n = 1 }, { k = "b", n = 2 } }

describe("a run of a case", function()
  it("is silent where all is as expected", function()
    local log = {}
    assert.is_nil(difference("< a 5 ; b null\n> a 1\n> b 2\nwatermark 7\nclock 9\nclock 12\nidle rows\nend rows\nend\n", TWO, nil, 1, log))
    assert.same({ { "rows", { { k = "a", v = 5 }, { k = "b" } } }, { "watermark", 7 }, { "clock", 9 }, { "clock", 3 }, { "idle", "rows" },
      { "end", "rows" }, { "end" }, { "close" } }, { unpack(log) })
    assert.same({ parallelism = 1 }, log.options)
  end)

  it("compares rows in order, at parallelism 1 only", function()
    assert.equal("2: expected >out b 2, got >out a 1", difference("< a 5\n> b 2\n> a 1\n", TWO))
    assert.is_nil(difference("< a 5\n> b 2\n> a 1\n", TWO, nil, 3))
    assert.is_nil(difference("order any\n< a 5\n> b 2\n> a 1\n", TWO))
  end)

  for what, given in pairs {
    ["2: expected >out b 3, got >out b 2"] = { "< a 5 ; b 1\n> b 3\n", { { k = "b", n = 2 } } },
    ["3: expected >out b 2, and nothing came"] = { "< a 5\n> a 1\n> b 2\n", { { k = "a", n = 1 } } },
    ["1: not expected: >out b 2"] = { "< a 5\n> a 1\n", TWO },
    ["2: expected >out a null, got >out a 1"] = { "< a 5\n> a null\n", { { k = "a", n = 1 } } },
    ["2: expected >out a 1, got >out a 1 more=5"] = { "< a 5\n> a 1\n", { { k = "a", n = 1, more = 5 } } },
    ['2: expected >out a 1, got >out a "1"'] = { "< a 5\n> a 1\n", { { k = "a", n = "1" } } },
    ["1: not expected: >late c"] = { "< a 5\nnothing\n", {}, { late = { { k = "c" } } } },
    ["2: expected >out b 2, which is not among >out a 1"] = { "< a 5\n> b 2\n", { { k = "a", n = 1 } }, nil, 3 },
    ["2: state n: expected 5, got 6"] = { "< a 5\nstate p a: n=5\n", {}, { state = { n = 6 } } },
    ["2: state m: expected none, got 6"] = { "< a 5\nstate p a: n=5\n", {}, { state = { n = 5, m = 6 } } },
    ["2: timers: expected 10 a, got clock 10 a"] = { "< a 5\ntimers p: 10 a\n", {},
      { timers = { { at = 10, key = "a", domain = "processing" } } } },
    ["2: timers: expected none, got 10 a x"] = { "< a 5\ntimers p: none\n", {},
      { timers = { { at = 10, key = "a", domain = "event", name = "x" } } } },
    ["2: late: expected 1, got 2"] = { "< a 5\nmetrics p: late=1\n", {}, { metrics = { late = 2 } } },
    ["2: watermark: expected null, got 9"] = { "< a 5\nat p: none\n", {}, { at = 9 } },
    ["2: held by: expected rows, got null"] = { "< a 5\nheld p: rows\n", {} },
    ["1: failed: TM0304 x"] = { "< a 5\nnothing\n", {}, { fails = "TM0304 x" } },
    ["2: expected TM0407 (NULL_KEY), failed with: TM0304 x"] = { "< a 5\nfails NULL_KEY\n", {}, { fails = "TM0304 x" } },
    ['2: expected words "y" in: TM0304 x'] = { "< a 5\nfails ARGUMENT: y\n", {}, { fails = "TM0304 x" } },
    ["2: expected ARGUMENT, and nothing failed"] = { "< a 5\nfails ARGUMENT\n", {} },
    ["2: there is no code NONE_SUCH"] = { "< a 5\nfails NONE_SUCH\n", {}, { fails = "TM0304 x" } },
  } do
    it("tells " .. what, function() assert.equal(what, difference(given[1], given[2], given[3], given[4])) end)
  end
end)
