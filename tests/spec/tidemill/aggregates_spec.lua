-- Which types aggregates take and what they give; how they are shown; what reaches the C graph of them.
local aggregates = require "tidemill.aggregates"
local scripts = require "tests.spec.support.scripts"

local TYPES = { "int", "int64", "double", "decimal(10,2)", "decimal(38,10)", "string", "bytes", "timestamp", "bool", "?" }

-- The result over each of TYPES; "-" where it is refused.
local function row(kind, by)
  local list = {}
  for i, t in ipairs(TYPES) do
    local node = { kind = "window", where = "", input = {
      fields = { { name = "x", type = t }, { name = "y", type = by or "int" } }, by_name = { x = 1, y = 2 } } }
    local ok, result = pcall(aggregates.type, node, { verb = kind, kind = kind, field = "x", by = by and "y" })
    list[i] = ok and result or "-"
  end
  return table.concat(list, " ")
end

describe("types of aggregates", function()
  it("follow from the field's", function()
    assert.equal("int int int int int int int int int int", row "count")
    assert.equal("int int64 double decimal(38,2) decimal(38,10) - - - - ?", row "sum")
    assert.equal("double double double decimal(38,6) decimal(38,10) - - - - ?", row "avg")
    assert.equal("int int64 double decimal(10,2) decimal(38,10) string bytes timestamp - ?", row "min")
    assert.equal(row "min", row "max")
    assert.equal("int int64 double decimal(10,2) decimal(38,10) string bytes timestamp bool ?", row "first")
    assert.equal(row "first", row "last")
  end)

  it("of counts of distinct values are int, of quantiles and spreads double, also before the field's is known", function()
    assert.equal("int int int int int int int int int int", row "count_distinct")
    assert.equal(row "count_distinct", row "approximate_distinct")
    for _, kind in ipairs { "quantile", "stddev", "stddev_population", "variance", "variance_population" } do
      assert.equal("double double double double double - - - - double", row(kind))
    end
  end)

  it("of min_by and max_by are the value's; what is compared needs an order", function()
    assert.equal(row "first", row("min_by", "string"))
    assert.equal(row "first", row("max_by", "timestamp"))
    assert.equal(row "first", row("max_by", "?"))
    assert.equal("- - - - - - - - - -", row("max_by", "bool"))
  end)
end)

local SCRIPT = [[
local tm = require "tidemill"
local S = tm.schema { user = "string", item = "string", price = "decimal(10,2)", note = "string", ts = "timestamp" }
local w = tm.from(tm.file { path = "in.jsonl", schema = S }):watermark("ts"):key_by("user"):window(tm.tumbling("1m"))
return w:aggregate("a", { %s }):to(tm.discard())
]]

local function window_of(text)
  local job = scripts.job(SCRIPT:format(text))
  for _, node in ipairs(job.nodes) do if node.kind == "window" then return node end end
end

local function refused(text)
  local ok, fault = pcall(window_of, text)
  assert.is_false(ok)
  return tostring(fault)
end

describe("an aggregate", function()
  it("keeps what it was given", function()
    local node = window_of [[ a = tm.count_distinct("item"), b = tm.count_distinct("item", { approximate = true }),
      c = tm.quantile("price", 0.99), d = tm.median("price"), e = tm.stddev("price"), f = tm.variance("price", { population = true }),
      g = tm.max_by("item", "price") ]]
    local found = {}
    for i, a in ipairs(node.aggregates) do
      found[i] = ("%s %s %s %s %s"):format(a.name, a.kind, a.field, tostring(a.by), tostring(a.q))
    end
    assert.same({ "a count_distinct item nil nil", "b approximate_distinct item nil nil", "c quantile price nil 0.99",
      "d quantile price nil 0.5", "e stddev price nil nil", "f variance_population price nil nil", "g max_by item price nil" }, found)
  end)

  it("makes the fields that it reads count as read", function()
    local reads = window_of('g = tm.max_by("item", "price")').reads
    assert.is_true(reads.item and reads.price)
    assert.is_nil(reads.note)
  end)

  it("of a wrong call says what is needed", function()
    assert.matches("a number from 0 to 1 is needed, given 99.*99 is 0.99 of one", refused 'p = tm.quantile("price", 99)')
    assert.matches("a number from 0 to 1 is needed, given nil", refused 'p = tm.quantile("price")')
    assert.matches("a number from 0 to 1 is needed, given nan", refused 'p = tm.quantile("price", 0/0)')
    assert.matches("no option \"exact\"; the options are approximate", refused 'n = tm.count_distinct("item", { exact = true })')
    assert.matches("true or false is needed", refused 'n = tm.count_distinct("item", { approximate = 1 })')
    assert.matches("the field that is compared: the name of a field is needed, given nil", refused 'n = tm.max_by("item")')
    assert.matches("no option \"sample\"; the options are population", refused 'n = tm.stddev("price", { sample = true })')
    assert.matches('tm.count_distinct%("item"%)', refused 'n = tm.count("item")')
    assert.matches('there is no field "prize".*did you mean "price"', refused 'n = tm.max_by("item", "prize")')
    assert.matches('tm.stddev%("note"%): the field is string; stddev takes int, int64, double or decimal.*tonumber',
      refused 'n = tm.stddev("note")')
    assert.matches('tm.median%("ts"%): the field is timestamp.*1970', refused 'n = tm.median("ts")')
    assert.matches("there is no tm.percentile", refused 'n = tm.percentile("price", 0.9)')
  end)
end)
