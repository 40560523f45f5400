-- What user code may put into a column, type by type (LUA_API "Values"): in generated code and before types are settled.
local support = require "tests.spec.codegen.support"
local fit = require "codegen.fit"
local null = require "tidemill.null"
local utf8 = require "tidemill.utf8"
local D, I = support.decimal.make, support.int64.parse
local codes = support.codes

local INPUT = support.schema "n int; i int64; d decimal(10,2); s string; b bytes; f double"
local HIDE = { __call = function(_, v) return v end }
local hide = setmetatable({}, HIDE) -- gives its argument in a way that the analysis does not follow

-- The value of a column of this type that is given `value`, or nil and the failure's message; also the code.
local function give(type_name, value, settled)
  local returns = support.schema("x " .. type_name .. (settled and "" or "; y string"))
  local fn = function() return { x = hide(value) } end
  local specs = { { verb = "map", fn = fn, returns = returns } }
  if not settled then specs[2] = { verb = "map", fn = function(e) return { x = e.x, y = hide(nil) } end } end
  local runner = support.runner(support.nodes(INPUT, specs))
  local out = runner:batch { { n = 1 } }
  if not settled and support.enter(runner.instance.finish, runner.instance) == 2 then
    runner:settle()
    support.enter(runner.instance.finish, runner.instance)
    out = runner:take()
  end
  local failure = runner.failures[1]
  if failure then
    assert.equal(0, #out)
    return nil, failure.message, failure.code
  end
  return out[1].x
end

-- Both ways of running must agree.
local function takes(type_name, value, want)
  if want == nil then want = value end
  for _, settled in ipairs { true, false } do
    local got, message = give(type_name, value, settled)
    assert.is_nil(message)
    assert.equal(tostring(want), tostring(got))
  end
end

local function refuses(type_name, value, text)
  for _, settled in ipairs { true, false } do
    local _, message, code = give(type_name, value, settled)
    assert.truthy(message, type_name .. " took " .. tostring(value))
    assert.equal(codes.ROW_TYPE, code)
    assert.truthy(message:find(text, 1, true), message)
  end
end

describe("an int column", function()
  it("takes whole numbers below 2^53", function()
    for _, v in ipairs { 0, 1, -1, 2 ^ 53 - 1, -2 ^ 53 + 1 } do takes("int", v, ("%.14g"):format(v)) end
  end)

  it("refuses the first number that may have lost something, naming int64", function()
    for _, v in ipairs { 2 ^ 53, 2 ^ 53 + 1, -2 ^ 53, 2 ^ 60, 1e300, math.huge, -math.huge } do refuses("int", v, "int64") end
    local runner = support.runner(support.nodes(support.schema "n int", { { verb = "reduce", fn = function(a, e)
      a.n = a.n + e.n
      return a
    end } }))
    runner:reduce({ { n = 1 } }, { { n = 2 ^ 53 } })
    assert.truthy(runner.failures[1].message:find("9007199254740992", 1, true))
  end)

  it("refuses fractions, NaN and other types", function()
    for _, v in ipairs { 0.5, 0 / 0 } do refuses("int", v, "not a whole number") end
    for _, v in ipairs { "1", true, I "1", D "1", {} } do refuses("int", v, "given") end
  end)
end)

describe("an int64 column", function()
  it("takes 64 bits, and whole numbers", function()
    for _, text in ipairs { "9223372036854775807", "-9223372036854775808", "9007199254740993" } do takes("int64", I(text), text) end
    takes("int64", 5, "5")
    takes("int64", 2 ^ 53, "9007199254740992")
  end)

  it("refuses fractions and what 64 bits do not hold", function()
    for _, v in ipairs { 0.5, 2 ^ 63, -2 ^ 63 - 2048, 0 / 0, math.huge } do refuses("int64", v, "not a whole number of 64 bits") end
    for _, v in ipairs { "1", true, D "1" } do refuses("int64", v, "given") end
  end)
end)

describe("a double column", function()
  it("takes every number, a sum beyond 2^53 too", function()
    for _, v in ipairs { 0, -0.5, 2 ^ 53 + 2, 1e300, math.huge, 0 / 0 } do takes("double", v) end
    refuses("double", I "1", "tonumber")
    refuses("double", D "1", "tonumber")
    refuses("double", "1", "tonumber")
  end)
end)

describe("a decimal column", function()
  it("takes decimals, numbers and int64 at its scale", function()
    takes("decimal(10,2)", D "1.5", "1.50")
    takes("decimal(10,2)", D "1.5000", "1.50")
    takes("decimal(10,2)", 0.1, "0.10")
    takes("decimal(10,2)", I "-7", "-7.00")
    takes("decimal(38,0)", 9007199254740993LL, "9007199254740993")
    takes("decimal(38,0)", D "99999999999999999999999999999999999999", "99999999999999999999999999999999999999")
  end)

  it("refuses digits behind its scale, and names what rounds", function()
    for _, v in ipairs { D "1.005", D "-1.005", 1 / 3, 1e-30, 1e-300 } do
      refuses("decimal(10,2)", v, "has more than 2 digits behind the point\n  hint: tm.number.round(value, 2)")
    end
  end)

  it("refuses more digits than it has, and what is no decimal", function()
    refuses("decimal(4,2)", D "100.00", "does not fit")
    refuses("decimal(4,2)", I "100", "does not fit")
    refuses("decimal(4,2)", 0 / 0, "does not fit")
    for _, v in ipairs { "1.5", true } do refuses("decimal(4,2)", v, "given") end
  end)
end)

describe("a timestamp column", function()
  it("takes whole milliseconds", function()
    takes("timestamp", 1767225600000)
    takes("timestamp", -1)
    refuses("timestamp", 0.5, "milliseconds")
    refuses("timestamp", "2026-01-01", "milliseconds")
    refuses("timestamp", 2 ^ 53 + 2, "milliseconds")
  end)
end)

describe("a bool column", function()
  it("takes true and false alone", function()
    takes("bool", true)
    takes("bool", false)
    for _, v in ipairs { 0, "true", {} } do refuses("bool", v, "bool") end
  end)
end)

local WRONG = { -- not UTF-8; each also behind and before other text, at every length up to some words
  "\128", "\191", "\192\128", "\193\191", "\194", "\224\159\191", "\225\128", "\237\160\128", "\240\143\191\191", "\244\144\128\128",
  "\245\128\128\128", "\255", "\195\40", "\226\130", "\240\159\146",
}
local RIGHT = { "", "\0", "a", "é", "€", "\240\159\146\169", "\194\128", "\223\191", "\224\160\128", "\239\191\191", "\240\144\128\128",
  "\244\143\191\191" }

describe("a string column", function()
  it("takes UTF-8 and refuses all else, whatever the length", function()
    for _, check in ipairs { fit.is_utf8, fit.is_utf8_called, utf8.is_valid } do
      for _, text in ipairs(RIGHT) do
        for n = 0, 40 do
          assert.is_true(check(("x"):rep(n) .. text))
          assert.is_true(check(text .. ("x"):rep(n)))
          assert.is_true(check(("x"):rep(n) .. text .. ("y"):rep(7)))
        end
      end
      for _, text in ipairs(WRONG) do
        for n = 0, 40 do
          assert.is_false(check(("x"):rep(n) .. text))
          assert.is_false(check(text .. ("x"):rep(n)))
          assert.is_false(check(("x"):rep(n) .. text .. ("y"):rep(7)))
        end
      end
    end
    for _, text in ipairs(RIGHT) do takes("string", text) end
    for _, text in ipairs(WRONG) do refuses("string", text, "not UTF-8") end
    refuses("string", 5, "tostring")
    refuses("string", null == nil and 0 or true, "tostring")
  end)

  it("names the byte and shows no others than UTF-8", function()
    local _, message = give("string", "caf\233 au lait", true)
    assert.truthy(message:find('byte 4 of its text is not UTF-8: "caf\\xe9 au lait"', 1, true), message)
    assert.truthy(message:find('bytes', 1, true))
    assert.is_true(utf8.is_valid(message))
    assert.equal("a\\xff\\xfeb\\xc3", utf8.scrub("a\255\254b\195"))
  end)

  it("holds bytes where it is of type bytes", function()
    for _, text in ipairs(WRONG) do takes("bytes", text) end
  end)

  -- Every way in, with a text that user code has cut.
  it("is checked in every operator", function()
    local function cut(e) return e.s:sub(1, 1) end
    local rows = { { s = "ab" }, { s = "é" } }
    for _, spec in ipairs {
      { verb = "map", fn = function(e) return { s = cut(e) } end }, { verb = "map", fn = function(e) e.s = cut(e) return e end },
      { verb = "map", fn = function(e) return cut(e) end }, { verb = "flat_map", fn = function(e, out) out { s = cut(e) } end },
      { verb = "assign", assigns = { { name = "c", fn = cut } } }, { verb = "key", fn = cut, key_name = "k" },
      { verb = "map", fn = function(e) if e.n then return { s = e.s } end return { s = cut(e) } end },
      { verb = "map", fn = function(e) local t = { s = "x" } for _ = 1, 2 do t.s = t.s .. cut(e) end return t end },
      { verb = "map", fn = function(e) return { s = e.b } end, returns = support.schema "s string", row = { b = "\255" } },
    } do
      local runner = support.runner(support.nodes(INPUT, { spec }))
      assert.equal(1, #runner:batch { rows[1], spec.row or rows[2] })
      assert.equal(1, #runner.failures)
      assert.truthy(runner.failures[1].message:find("UTF-8", 1, true))
    end
    for _, fn in ipairs { function(_, e) return { s = cut(e) } end, function(a, e) a.s = cut(e) return a end } do
      local runner = support.runner(support.nodes(support.schema "s string", { { verb = "reduce", fn = fn } }))
      assert.equal(1, #runner:reduce(rows, { { s = "" }, { s = "" } }))
      assert.truthy(runner.failures[1].message:find("UTF-8", 1, true))
    end
  end)
end)

describe("texts that are UTF-8 for sure", function()
  local function checks(fn)
    local source = support.codegen.source(support.nodes(INPUT, { { verb = "map", fn = fn } }))
    return select(2, source:gsub("is_utf8%(", ""))
  end

  it("are what passes through, constants, and what is put together from such", function()
    for _, fn in ipairs {
      function(e) return { a = e.s, b = e.n } end, function(e) return { a = e.s or "none" } end,
      function(e) return { a = e.s .. "-" .. e.n .. e.d .. e.i } end, function(e) return { a = e.s:upper(), b = e.s:lower() .. "x" } end,
      function(e) return { a = ("%s-%05d %5.1f%%"):format(e.s, e.n, e.f) } end, function(e) return { a = tostring(e.n) } end,
      function(e) local a = e.s if e.n > 1 then a = a .. "x" end return { a = a } end, function(e) e.s = e.s .. "x" return e end,
      function(e) return { a = e.s:rep(2), b = string.rep(e.s, 2, "€") } end, function(e) return { a = type(e.s) } end,
      function(e) local t = "" for word in e.s:gmatch("%S+") do t = t .. word end return { a = t } end,
      function(e) local t = "" for word in e.s:gmatch("[^,;]+") do t = t .. word end return { a = t } end,
    } do assert.equal(0, checks(fn)) end
  end)

  it("are not what is cut, made of bytes or not followed", function()
    for _, fn in ipairs {
      function(e) return { a = e.s:sub(1, 3) } end, function(e) return { a = e.s:reverse() } end,
      function(e) return { a = e.s .. "\255" } end,
      function(e) return { a = string.char(e.n) } end, function(e) return { a = e.b .. "x" } end,
      function(e) return { a = e.s:gsub("a", "b") } end, function(e) return { a = ("%.3s"):format(e.s) } end,
      function(e) return { a = ("%c"):format(e.n) } end, function() local t = { a = "x" } hide(t) return { a = t.a .. "" } end,
      function(e) local t = "" for c in e.s:gmatch(".") do t = t .. c end return { a = t } end,
      function(e) local t = "" for c in e.s:gmatch("[%a\195]+") do t = t .. c end return { a = t } end,
      function(e) local a = e.s for _ = 1, 2 do a = a:sub(2) end return { a = a .. "" } end,
      function(e) e.s = e.s .. "x" e.s = e.s:sub(2) return e end,
    } do
      local ok, count = pcall(checks, fn)
      assert.is_true(not ok or count > 0, tostring(debug.getinfo(fn, "S").linedefined))
    end
  end)
end)
