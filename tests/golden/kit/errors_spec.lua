-- What specs can get wrong: tests/functional/test_kit compares what is printed with errors.expected.
local tm = require "tidemill"

local CODE = [[
local tm = require "tidemill"
return tm.from(tm.stdin { name = "payments", format = "json", schema = { card = { "string", required = true }, amount = "int", ts = "timestamp" } })
  :watermark("ts"):key_by("card")
  :process("velocity", { state = { count = tm.value("int") }, each = function(ctx, e) ctx:emit { card = ctx.key } end })
  :to(tm.print { name = "alerts" })]]

local function new(options) return tm.test({ code = CODE }, options) end

local WRONG = {
  { "a source that is not there", function() new():push("payment", { card = "a" }) end },
  { "a sink that is not there", function() new():take("alert") end },
  { "an operator that is not there", function() new():timers("velocty") end },
  { "a state that is not there", function() new():state("velocity", "a", "counts") end },
  { "an operator without states", function() new():state("alerts", "a") end },
  { "an operator without timers", function() new():timers("alerts") end },
  { "a key of another type", function() new():state("velocity", 5) end },
  { "a column that is not there", function() new():push("payments", { card = "a", amuont = 1 }) end },
  { "a record that is no table", function() new():push("payments", 5) end },
  { "a value that no record has", function() new():push("payments", { card = print }) end },
  { "a number that no record has", function() new():push("payments", { card = "a", amount = 0 / 0 }) end },
  { "a value of another type", function() new():push("payments", { card = "a", amount = "much" }) end },
  { "a required field that is missing", function() new():push("payments", { amount = 1 }) end },
  { "a watermark that goes back", function() new():advance_watermark(2000):advance_watermark(1000) end },
  { "a watermark that is no time", function() new():advance_watermark("soon") end },
  { "watermarks where the job makes them", function() new({ watermarks = "job" }):advance_watermark(1) end },
  { "watermarks of a job that has none", function()
    tm.test { code = 'local tm = require "tidemill" return tm.from(tm.lines()):to(tm.print())' }:advance_watermark(1)
  end },
  { "a clock that goes back", function() new():advance_clock(-1) end },
  { "records behind the end", function() new():finish():push("payments", { card = "a" }) end },
  { "a test that is closed", function()
    local t = new()
    t:close()
    t:push("payments", { card = "a" })
  end },
  { "a method called with a dot", function() new().push("payments", { card = "a" }) end },
  { "an order that is none", function() new():take("alerts", { order = "time" }) end },
  { "an option of take that is none", function() new():take("alerts", { ordr = "arrival" }) end },
  { "an option that is none", function() new({ paralellism = 2 }) end },
  { "an option of another type", function() new({ parallelism = 0 }) end },
  { "a job that is no path", function() tm.test(5) end },
  { "a job that is a plain table", function() tm.test { cod = "return 1" } end },
  { "a job that is not there", function() tm.test("velocty.lua") end },
  { "a job that does not parse", function() tm.test { code = "return = 1" } end },
  { "a job that is wrong", function() tm.test { code = 'return require("tidemill").from(5)' } end },
  { "a job with a source to be sampled", function()
    tm.test { code = 'local tm = require "tidemill" return tm.from(tm.stdin { format = "json" }):to(tm.print())' }
  end },
  { "a job that never rests", function()
    local t = tm.test { code = [[
      local tm = require "tidemill"
      return tm.from(tm.lines()):key_by("line"):process("p", { each = function(ctx) ctx:timer_processing(ctx.now - 1) end,
        timer = function(ctx, at) ctx:timer_processing(at) ctx:emit { at = at } end }):to(tm.discard())]] }
    t:push("lines", "x")
  end },
}

it("wrong uses are told", function()
  for _, case in ipairs(WRONG) do
    local ok, message = pcall(case[2])
    print(("# %s\n%s\n"):format(case[1], ok and "nothing was wrong" or message))
  end
end)
