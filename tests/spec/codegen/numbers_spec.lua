-- int64 and decimal values as user code holds them (LUA_API "Values").
local support = require "tests.spec.codegen.support"
local D, I = support.decimal.make, support.int64.parse
local codegen = support.codegen

local function message(fn, ...)
  local ok, err = pcall(fn, ...)
  assert.is_false(ok)
  return tostring(err)
end

describe("a decimal", function()
  it("adds and subtracts at the larger scale", function()
    assert.equal("3.75", tostring(D "1.5" + D "2.25"))
    assert.equal("-0.75", tostring(D "1.5" - D "2.25"))
    assert.equal("12345678901234567890.15", tostring(D "12345678901234567890.1" + D "0.05"))
  end)

  it("multiplies to the sum of the scales", function()
    assert.equal("3.375", tostring(D "1.5" * D "2.25"))
    assert.equal("3.0", tostring(D "1.5" * 2))
    assert.equal("-0.75", tostring(D "1.5" * -0.5))
    assert.equal("1000000000000000000000.00", tostring(D "100000000000.0" * D "10000000000.0"))
  end)

  it("divides to six places at least, half up", function()
    assert.equal("0.333333", tostring(D "1" / 3))
    assert.equal("0.666667", tostring(D "2" / D "3"))
    assert.equal("-0.666667", tostring(D "-2" / 3))
    assert.equal("2.500000", tostring(5 / D "2.00"))
    assert.truthy(message(function() return D "1" / 0 end):find("a decimal divided by zero", 1, true))
  end)

  it("compares with decimals, numbers and texts by value", function()
    assert.is_true(D "1.50" == D "1.5" and D "1.50" == 1.5 and D "1.50" == "1.5")
    assert.is_false(D "1.5" == "x" or D "1.5" == nil or D "1.5" == 0 / 0)
    assert.is_true(D "1.50" < 2 and 2 > D "1.50" and D "1.50" <= "1.5" and not (D "-1" > 0))
    assert.is_true(D "-12345678901234567890.5" < D "-12345678901234567890.4")
  end)

  it("compares with int64 exactly, from either side", function()
    local big, d = I "9007199254740993", D "9007199254740993.00"
    assert.is_true(big == d and d == big and not (big ~= d) and big <= d and d <= big and not (big < d) and not (d < big))
    assert.is_true(d == 9007199254740993LL and 9007199254740993LL == d and d == 9007199254740993ULL)
    assert.is_false(d == 9007199254740992LL or d == -1ULL or d == I "-9007199254740993")
    assert.is_true(D "9007199254740993.01" > big and big > D "9007199254740992.99" and big ~= D "9007199254740992.99")
    assert.is_true(I "-9223372036854775808" == D "-9223372036854775808" and -1ULL == D "18446744073709551615")
  end)

  it("calculates with int64 as with a decimal without a fraction", function()
    assert.equal("20.5", tostring(D "0.5" + I "20"))
    assert.equal("-19.5", tostring(D "0.5" - I "20"))
    assert.equal("19.5", tostring(I "20" - D "0.5"))
    assert.equal("10.0", tostring(I "20" * D "0.5"))
    assert.equal("40.000000", tostring(I "20" / D "0.5"))
    assert.equal("0.025000", tostring(D "0.5" / I "20"))
    assert.equal("9223372036854775808", tostring(I "9223372036854775807" + D "1"))
    assert.truthy(message(function() return I "20" % D "3" end):find("remainder of an int64", 1, true))
    assert.truthy(message(function() return D "1" / I "0" end):find("a decimal divided by zero", 1, true))
  end)

  it("compares with every number, and rounds none", function()
    local smallest, largest = D "0.00000000000000000000000000000000000001", D "99999999999999999999999999999999999999"
    local zero = D "0.00"
    assert.is_true(smallest > 1e-39 and smallest > 9.9e-39 and smallest < 1.5e-38 and smallest == 1e-38)
    assert.is_false(zero == 1e-40 or smallest == 9.9e-39 or largest == 1e38)
    assert.is_true(zero < 1e-40 and zero > -1e-40 and zero < 5e-324 and zero == -0.0)
    assert.is_true(largest < 1e38 and largest < 1e39 and largest <= 1e300 and 1e39 > largest and -largest > -1e39)
    assert.is_true(largest < math.huge and -largest > -math.huge and largest ~= math.huge)
    local nan = 0 / 0
    assert.is_false(zero < nan or zero > nan or zero <= nan or zero >= nan or zero == nan)
    assert.is_true(zero < "1e-400" and largest < "1e400" and not (zero == "1e-400"))
  end)

  it("makes an error of a number that no decimal holds", function()
    for _, v in ipairs { 1e-40, 1.5e-38, 1e38, -1e300, "1e-40" } do
      for _, fn in ipairs { function() return D "1" + v end, function() return v - D "1" end, function() return D "1" * v end,
        function() return D "1" / v end, function() return v / D "1" end } do
        assert.truthy(message(fn):find("which has more than 38 digits as a decimal", 1, true))
      end
    end
    assert.truthy(message(function() return D "1" + math.huge end):find("sum of a decimal and inf", 1, true))
  end)

  it("says what to write where a function of Lua takes numbers alone", function()
    local trouble = require "tidemill.trouble"
    local function hint(fn)
      local _, err = pcall(fn)
      return trouble.run(err).hint
    end
    -- not in tail position: there Lua does not know a function's name
    assert.truthy(hint(function() local x = math.max(I "1", 2) return x end):find("a > b and a or b", 1, true))
    assert.truthy(hint(function() local x = math.min(2, D "1") return x end):find("a > b and a or b", 1, true))
    assert.truthy(hint(function() local x = string.format("%d", I "1") return x end):find("%s", 1, true))
    assert.truthy(hint(function() return math.floor(D "1.5") end):find("tonumber(e.field)", 1, true))
    assert.truthy(message(function() return -I "-9223372036854775808" end):find("the negation of -9223372036854775808 is beyond", 1, true))
  end)

  it("takes numbers through their shortest text", function()
    assert.equal("0.1", tostring(D(0.1)))
    assert.equal("0.3", tostring(D "0.1" + 0.2))
  end)

  it("makes an error of more than 38 digits", function()
    local big = D "99999999999999999999999999999999999999"
    assert.truthy(message(function() return big + 1 end):find("38 digits", 1, true))
    assert.truthy(message(function() return -big - 1 end):find("38 digits", 1, true))
    assert.truthy(message(function() return big * 10 end):find("38 digits", 1, true))
  end)

  it("cannot be changed, and shows nothing but its value", function()
    local d = D "1.5"
    for _, name in ipairs { "low", "high", "scale", "x" } do
      assert.is_false(pcall(function() d[name] = 1 end))
    end
    assert.truthy(message(function() return d.amount end):find(":tonumber()", 1, true))
    assert.equal(1.5, d:tonumber())
    assert.equal("EUR 1.5", "EUR " .. d)
    assert.equal("1.5", tostring(d))
  end)

  it("says what cannot be calculated", function()
    assert.truthy(message(function() return D "1" + nil end):find("null field is nil", 1, true))
    assert.truthy(message(function() return D "1" + "x" end):find('"x"', 1, true))
    assert.truthy(message(function() return D "1" % 2 end):find("no %", 1, true))
  end)

  it("gives the same as C over random operands", function()
    local seed = os.time()
    math.randomseed(seed)
    local ffi = require "ffi"
    local out = ffi.new "struct tm_decimal_value"
    for _ = 1, 3000 do
      local function random()
        local digits = {}
        for i = 1, math.random(1, 19) do digits[i] = math.random(0, 9) end
        local text = table.concat(digits)
        local point = math.random(0, #text)
        return D((math.random(2) == 1 and "-" or "") .. "0" .. text:sub(1, point) .. "." .. text:sub(point + 1) .. "0")
      end
      local a, b = random(), random()
      for name, op in pairs {
        add = function() return a + b end, sub = function() return a - b end, mul = function() return a * b end } do
        local rc = ffi.C["tm_decimal_value_" .. name](a, b, out)
        local ok, mine = pcall(op)
        assert.equal(rc == 0, ok, "seed " .. seed)
        if ok then
          assert.equal(support.decimal.text(support.decimal.type(out.low, out.high, out.scale)), tostring(mine),
            "seed " .. seed)
        end
      end
      local c = ffi.C.tm_decimal_value_compare(a, b)
      assert.equal(c < 0, a < b, "seed " .. seed)
      assert.equal(c <= 0, a <= b, "seed " .. seed)
      assert.equal(c == 0, a == b, "seed " .. seed)
    end
  end)
end)

describe("an int64", function()
  it("calculates exactly in 64 bits", function()
    assert.equal("9007199254740993", tostring(I "9007199254740992" + 1))
    assert.equal("-9223372036854775808", tostring(I "-9223372036854775807" - 1))
    assert.equal("9000000000000000000", tostring(I "3000000000" * I "3000000000"))
    assert.equal("-3", tostring(I "6" / -2))
    assert.equal("2", tostring(I "-1" % 3))
    assert.equal("-5", tostring(-I "5"))
  end)

  it("refuses fractions, naming tonumber", function()
    for _, fn in ipairs { function() return I "5" + 0.5 end, function() return 0.5 * I "5" end,
      function() return I "5" / 2 end, function() return I "5" ^ 2 end } do
      assert.truthy(message(fn):find("tonumber", 1, true))
    end
  end)

  it("makes an error of what leaves 64 bits", function()
    local big = I "9223372036854775807"
    for _, fn in ipairs { function() return big + 1 end, function() return -big - 2 end, function() return big * 2 end,
      function() return I "-9223372036854775808" * -1 end, function() return -I "-9223372036854775808" end,
      function() return I "-9223372036854775808" / -1 end } do
      assert.truthy(message(fn):find("beyond 64 bits", 1, true))
    end
  end)

  it("compares with every number exactly", function()
    local big = I "9007199254740993" -- no double is this number
    assert.is_true(big > 9007199254740992 and big < 9007199254740994 and not (big == 9007199254740992))
    assert.is_true(I "5" < 5.5 and I "5" > 4.5 and I "5" == 5 and not (I "5" == 5.5) and I "-5" > -5.5)
    assert.is_true(I "9223372036854775807" < 2 ^ 63 and I "-9223372036854775808" == -2 ^ 63)
    assert.is_true(big == 9007199254740993LL and 9007199254740993LL == big and big ~= 9007199254740992LL)
    assert.is_true(I "5" < 6LL and 6LL > I "5" and I "5" <= 5LL and not (4LL >= I "5"))
    assert.truthy(message(function() return I "5" == 5ULL end):find("comparison", 1, true))
    assert.is_false(I "5" < 0 / 0 or I "5" >= 0 / 0 or I "5" == "5" or I "5" == nil)
    assert.truthy(message(function() return I "5" < "6" end):find("comparison", 1, true))
  end)

  it("is text and number on demand", function()
    assert.equal("id 12", "id " .. I "12")
    assert.equal(12, I "12":tonumber())
    assert.equal(12, codegen.tonumber(I "12"))
    assert.equal(1.5, codegen.tonumber(D "1.5"))
    assert.equal(255, codegen.tonumber("ff", 16))
    assert.is_nil(codegen.tonumber "x")
  end)

  it("cannot be changed", function()
    assert.is_false(pcall(function() I "5".value = 6 end))
    assert.is_false(pcall(function() I "5".x = 6 end))
  end)
end)
