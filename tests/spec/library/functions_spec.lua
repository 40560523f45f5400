-- What every helper function does with nil, with values of a wrong type, and with text that is not of the form; decimals and
-- int64 values; lines of logs.
local support = require "tests.spec.library.support"
local clock = require "tidemill.clock"
local null = require "tidemill.null"
local tm, message = support.tm, support.message
local D, I = support.decimal.make, support.int64.parse

local NO_ARGUMENT = { ["time.now"] = true, ["encode.json"] = true }
local TAKES_TABLE = { ["text.join"] = true, ["encode.pairs"] = true, ["encode.query"] = true, ["encode.csv"] = true }

describe("each helper function", function()
  for _, namespace in ipairs(support.namespaces) do
    for name, fn in pairs(support.functions(namespace)) do
      local full = namespace .. "." .. name
      if not NO_ARGUMENT[full] then
        it(full .. " gives nil for nil", function() assert.is_nil((fn(nil))) end)

        it(full .. " refuses what it cannot work on, by its name", function()
          local said = message(fn, TAKES_TABLE[full] and 7 or {}, "1", 1, 1, 1)
          assert.is_truthy(said:find("^tm%." .. namespace .. "%." .. name .. ": .+ is needed, given "), said)
        end)
      end
    end
  end

  it("is found by its name, or the nearest is told", function()
    assert.equal('there is no tm.text.uper | did you mean "upper"?', message(function() return tm.text.uper end))
  end)

  it("cannot be replaced", function()
    assert.is_truthy(message(function() tm.text.upper = print end):find("read%-only"))
  end)
end)

describe("wrong arguments", function()
  local function says(expected, fn, ...) assert.equal(expected, message(fn, ...)) end

  it("are named with what is needed and what was given", function()
    says('tm.text.lpad: width: a whole number from 0 to 2147483647 is needed, given "x"', tm.text.lpad, "a", "x")
    says("tm.text.lpad: fill: a string of at least one character is needed, given \"\"", tm.text.lpad, "a", 5, "")
    says("tm.text.upper: a string is needed, given 5 | tostring(value) makes a string", tm.text.upper, 5)
    says('tm.number.round: a number is needed, given "5" | tm.number.parse(text) makes a number', tm.number.round, "5")
    says('tm.ip.within: network: a network ("10.0.0.0/8", "2001:db8::/32") is needed, given "10.0.0.0/33"', tm.ip.within,
      "10.1.1.1", "10.0.0.0/33")
    says('tm.time.truncate: unit: one of "year", "quarter", "month", "week", "day", "hour", "minute", "second", or a duration up '
      .. 'to a day ("15m") is needed, given "fortnight"', tm.time.truncate, 0, "fortnight")
    says('tm.time.format: form: a directive that exists (byte 4) is needed, given "%Y %Q"', tm.time.format, 0, "%Y %Q")
    says('tm.time.parse: form: a directive that exists (byte 1) is needed, given "%"', tm.time.parse, "2026", "%")
    says('tm.time.parse: form: a form with directives, such as "%Y-%m-%d %H:%M:%S", is needed, given "yyyy-MM-dd"', tm.time.parse,
      "2026-01-02", "yyyy-MM-dd")
    says('tm.hash.uuid5: space: a UUID, or "dns", "url", "oid", "x500" is needed, given "web"', tm.hash.uuid5, "a", "web")
    says("tm.text.distance: a string of at most 4,096 bytes is needed, given \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa...\" | "
      .. "cut it with tm.text.truncate_bytes", tm.text.distance, ("a"):rep(5000), "b")
  end)

  it("of time zones say which there are", function()
    assert.is_truthy(message(tm.time.hour, 0, "Europe/Pariss"):find(
      'tm.time.hour: there is no time zone "Europe/Pariss": .* | zones are "UTC", offsets like "%+02:00", and names'))
    for _, name in ipairs { "../../etc/passwd", "/etc/passwd", "a//b", "", "+25:00", 5, "posixrules\0" } do
      assert.is_truthy(message(tm.time.hour, 0, name):find("tm.time.hour: ", 1, true))
    end
    assert.is_truthy(message(tm.time.hour, 0, "zone.tab"):find("time zone", 1, true))
  end)

  it("of a result that is too large say so", function()
    assert.equal("tm.text.lpad: the result is larger than 64 MB", message(tm.text.lpad, "a", 2 ^ 31 - 1))
    assert.equal("tm.text.replace: the result is larger than 64 MB",
      message(tm.text.replace, ("a"):rep(1000), "a", ("b"):rep(100000)))
  end)

  it("of JSON say where", function()
    local value, why = tm.decode.json("[1, 2,]")
    assert.is_nil(value)
    assert.equal("a value is expected (byte 7)", why)
    assert.equal("tm.encode.json: a number is nan, which JSON does not have", message(tm.encode.json, 0 / 0))
    for _, text in ipairs { "[]", "{}", '{"a":[],"b":{},"c":[[],{}]}', "[[],[[]]]" } do
      assert.equal(text, tm.encode.json(tm.decode.json(text)))
    end
    local circle = {}
    circle.me = circle
    assert.is_truthy(message(tm.encode.json, circle):find("nested more than 1,024 deep", 1, true))
    assert.is_truthy(message(tm.encode.json, { 1, 2, x = 1 }):find('takes a list, given a table with the key "x"', 1, true))
  end)

  it("of lists with gaps are as long as their largest key", function()
    local t = {}
    t[1], t[3] = "1", "3"
    assert.equal('["1",null,"3"]', tm.encode.json(t))
    assert.equal("1,,3", tm.encode.csv(t))
    assert.equal("[1,null,3]", tm.encode.json(require("codegen.any").array { 1, nil, 3 }))
    assert.equal('{"a":[null,null,5]}', tm.encode.json { a = { [3] = 5 } })
    for _, fn in ipairs { tm.encode.json, tm.encode.csv } do
      assert.is_truthy(message(fn, { [1000] = 1 }):find("takes a list, given a table with the key 1000, of only 1 item", 1, true))
    end
    assert.is_truthy(message(tm.text.join, { "a", [3] = "c" }):find("element 2 of the list", 1, true))
  end)

  it("are errors of the row while rows run", function()
    clock.enter(require("ffi").new("struct tm_chain_ctx"))
    local ok, err = pcall(tm.text.upper, 5)
    clock.enter(nil)
    assert.is_false(ok)
    assert.equal("USER_CODE", err.code)
    assert.is_truthy(err.where:find("functions_spec.lua", 1, true))
  end)
end)

describe("decimals and int64 values", function()
  it("are rounded exactly", function()
    local function shown(...) return tostring(tm.number.round(...)) end
    assert.equal("2.68", shown(D "2.675", 2))
    assert.equal("-2.68", shown(D "-2.675", 2))
    assert.equal("2.68", tostring(tm.number.round_even(D "2.675", 2)))
    assert.equal("2.66", tostring(tm.number.round_even(D "2.665", 2)))
    assert.equal("1300", shown(D "1250.99", -2))
    assert.equal("2.5", shown(D "2.5", 5))
    assert.equal("12345678901234567890123456789012345678", shown(D "12345678901234567890123456789012345678", 0))
    assert.equal("7", shown(I "7", 2))
    assert.is_truthy(message(tm.number.round, D "99999999999999999999999999999999999999", -1):find("at most 38 digits", 1, true))
  end)

  it("are written with their places", function()
    assert.equal("1,234,567.50", tm.number.format(D "1234567.5", 2))
    assert.equal("1,234,568", tm.number.format(D "1234567.5"))
    assert.equal("-12,345,678,901,234,567,890.1235", tm.number.format(D "-12345678901234567890.12345", 4))
    assert.equal("9,223,372,036,854,775,807", tm.number.format(I "9223372036854775807"))
    assert.equal("7.000", tm.number.format(I "7", 3))
    assert.is_nil(tm.number.format(0 / 0, 2))
    assert.is_nil(tm.number.format(1 / 0))
  end)

  it("are written as JSON with all their digits", function()
    assert.equal('{"a":0.10,"b":9223372036854775807,"c":null,"d":[true,1e+21]}',
      tm.encode.json { a = D "0.10", b = I "9223372036854775807", c = null, d = { true, 1e21 } })
  end)
end)

describe("lines of logs", function()
  it("of web servers are rows", function()
    assert.same({ host = "::1", time = 1767319445000, method = "GET", path = "/x", protocol = "HTTP/1.0", status = 200, bytes = 5 },
      (tm.decode.access_log('::1 - - [02/Jan/2026:03:04:05 +0100] "GET /x HTTP/1.0" 200 5')))
    assert.same({ host = "h", user = "ada", time = 1767323045000, status = 400, referer = "http://r/", agent = [[a \"b\"]] },
      (tm.decode.access_log([[h - ada [02/Jan/2026:03:04:05 +0000] "\x16\x03 \"" 400 - "http://r/" "a \"b\""]])))
    for _, bad in ipairs { "", "x", 'h - - [99/Jan/2026:03:04:05 +0000] "GET / HTTP/1.0" 200 5',
      'h - - [02/Jan/2026:03:04:05 +0000] "GET / HTTP/1.0" 20 5' } do
      local row, why = tm.decode.access_log(bad)
      assert.is_nil(row)
      assert.equal("string", type(why))
    end
  end)

  it("of syslog are rows, in both forms", function()
    assert.same({ time = 1767323045003, host = "h", app = "su", id = "ID47", data = '[a@1 b="c\\]"][d]', facility = "auth",
      severity = "critical", message = "'su root' failed" },
      (tm.decode.syslog("<34>1 2026-01-02T03:04:05.003Z h su - ID47 [a@1 b=\"c\\]\"][d] \239\187\191'su root' failed")))
    assert.same({ host = "h", facility = "kern", severity = "emergency" }, (tm.decode.syslog("<0>1 - h - - - -")))
    assert.same({ time = 1765679045000, host = "mymachine", app = "su", process = "12", facility = "auth", severity = "critical",
      message = "'su root' failed for lonvick" },
      (tm.decode.syslog("<34>Dec 14 02:24:05 mymachine su[12]: 'su root' failed for lonvick")))
    assert.equal("2026-01-02T08:00:00.000Z", tm.time.format(tm.decode.syslog("Jan  2 08:00:00 h cron: x").time))
    assert.equal("2025-01-04T08:00:00.000Z", tm.time.format(tm.decode.syslog("Jan  4 08:00:00 h cron: x").time))
    for _, bad in ipairs {
      "", "<192>1 - h - - - -", "<34>1 yesterday h su - - -", "<34>Foo 14 02:24:05 h su: x", "Feb 30 00:00:00 h a: b",
    } do
      local row, why = tm.decode.syslog(bad)
      assert.is_nil(row, bad)
      assert.equal("string", type(why))
    end
  end)
end)

describe("strings with any bytes", function()
  -- Each function gets random bytes: what it gives is of its type, and no byte outside is read (the unit tests run this way
  -- under the address sanitizer).
  it("are taken by every function", function()
    local seed = os.time()
    math.randomseed(seed)
    local function bytes()
      local list = {}
      for i = 1, math.random(0, 40) do
        list[i] = string.char(math.random() < 0.3 and ("%\"=&\\<\0\27[;:/@."):byte(math.random(1, 15)) or math.random(0, 255))
      end
      return table.concat(list)
    end
    for _ = 1, 200 do
      for _, namespace in ipairs(support.namespaces) do
        for name, fn in pairs(support.functions(namespace)) do
          local s = bytes()
          local ok, err = pcall(fn, s, bytes(), bytes())
          if not ok and type(err) ~= "table" then error(("seed %d: %s.%s(%q): %s"):format(seed, namespace, name, s, err)) end
          pcall(fn, s)
        end
      end
    end
  end)
end)
