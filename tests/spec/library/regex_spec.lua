-- tm.re: what it says of wrong patterns and wrong use, bounds of a match, texts that are not UTF-8, objects kept and freed.
local support = require "tests.spec.library.support"
local clock = require "tidemill.clock"
local tm, message = support.tm, support.message
local re = tm.re

describe("a wrong pattern", function()
  it("is an error with its place", function()
    assert.equal("tm.re: missing closing parenthesis: (a <-- here", message(re, "(a"))
    assert.equal("tm.re: range out of order in character class: [z- <-- here a]", message(re, "[z-a]"))
    assert.equal("tm.re: quantifier does not follow a repeatable item: a| <-- here *b", message(re, "a|*b"))
    assert.is_truthy(message(re, "(%d+"):find("regular expressions have a backslash where Lua's patterns have %", 1, true))
    assert.is_truthy(message(re, ("x"):rep(200) .. "("):find("tm.re: missing closing parenthesis: ...xxx", 1, true))
    assert.is_truthy(message(re, "\n("):find("?( <-- here", 1, true))
  end)

  it("may not have \\C, too many groups or too many bytes", function()
    assert.is_truthy(message(re, [[a\Cb]]):find("using \\C is disabled", 1, true))
    assert.equal("tm.re: the pattern has 101 groups, 100 is the most | (?:...) groups without capturing",
      message(re, ("(a)"):rep(101)))
    assert.is_truthy(message(re, ("a"):rep(70000)):find("pattern", 1, true))
  end)

  it("cannot make bytes pass for characters", function()
    assert.is_truthy(message(re, "(*UTF)a", "b"):find("tm.re: ", 1, true))
    assert.is_false(re("(*UTF)ä"):test("plain"))
  end)
end)

describe("flags", function()
  it("do what they say", function()
    assert.is_true(re("ABC", "i"):test("xabcx"))
    assert.equal(2, re("^a", "m"):count("a\na"))
    assert.equal("a\nb", re("a.b", "s"):match("a\nb"))
    assert.is_nil(re("a.b"):match("a\nb"))
    assert.is_true(re("a b # comment", "x"):test("ab"))
    assert.equal("žluť", re([[\w+]], "u"):match("žluť"))
    assert.equal("lu", re([[\w+]]):match("žluť"))
    assert.equal("\255", re("[\\x80-\\xff]", "b"):match("a\255"))
    assert.is_true(re("É", "iu"):test("é"))
  end)

  it("that there are not are named", function()
    assert.is_truthy(message(re, "a", "g"):find('tm.re: there is no flag "g" | i: case does not matter', 1, true))
    assert.is_truthy(message(re, "a", 1):find("flags: a string of the letters", 1, true))
    assert.is_truthy(message(re, 5):find("a pattern in a string is needed", 1, true))
  end)
end)

describe("a match", function()
  it("that takes too many steps is an error, and not a hang", function()
    for _, case in ipairs {
      { "^(a+)+$", ("a"):rep(40) .. "!" }, { "(x+x+)+[yz]", ("x"):rep(60) }, { [[^(\w+\s?)*$]], ("word "):rep(20) .. "!" },
      { "(*NO_JIT)^(a+)+$", ("a"):rep(40) .. "!" }, { "^(a|aa)+$", ("a"):rep(60) .. "!" },
    } do
      local pattern, text = case[1], case[2]
      for _, method in ipairs { "test", "match", "find", "count", "split" } do
        local began = os.clock()
        local said = message(function() local r = re(pattern) return r[method](r, text) end)
        assert.is_truthy(said:find("gave up on a string of " .. #text .. " bytes", 1, true), said)
        assert.is_truthy(said:find("possessive", 1, true))
        assert.is_true(os.clock() - began < 2)
      end
      assert.is_truthy(message(function() return re(pattern):replace(text, "") end):find("gave up", 1, true))
      assert.is_truthy(message(function() local following, walk = re(pattern):each(text) following(walk) end):find("gave up", 1, true))
    end
  end)

  it("that takes too many steps is a LIMIT of its row", function()
    clock.enter(require("ffi").new("struct tm_chain_ctx"))
    local ok, err = pcall(function() return re("^(a+)+$"):test(("a"):rep(40) .. "!") end)
    clock.enter(nil)
    assert.is_false(ok)
    assert.equal("LIMIT", err.code)
    assert.is_truthy(err.where:find("regex_spec.lua", 1, true))
  end)

  it("in long strings has steps in proportion", function()
    local long = ("key=value, "):rep(50000)
    assert.equal(50000, re([[(\w+)=(\w+)]]):count(long))
    assert.equal(#long, select(2, re([[^(?:[^"\\]|\\.)*+$]]):find(long)))
  end)

  it("of bytes that are not UTF-8 is an error that names them", function()
    assert.equal('tm.re"a.b": the string is not UTF-8 (byte 3) | tm.text.scrub repairs a string; the flag b matches bytes',
      message(function() return re("a.b"):test("ä\255b") end))
  end)

  it("that moves its start by \\K stays within the string", function()
    local r = re [[(?<=(?1)c)|b|(a\K)]]
    for _, text in ipairs { "acb", "aacacb", "c", "aaacb", "" } do
      assert.equal("string", type(r:replace(text, "-")))
      assert.is_true(r:count(text) >= 0)
      for _ in r:each(text) do end
      r:split(text)
    end
    assert.equal("x-z", re [[x\Ky]]:replace("xyz", "-"))
    local odd = re [[(?=(?1))a|(ab\K)zz]]
    assert.equal("string", type(odd:replace("abab", "-")))
  end)
end)

describe("methods", function()
  it("give nil for nil and refuse other values", function()
    for _, r in ipairs { re "a", re "(a)", re "(?<n>a)" } do
      for _, method in ipairs { "test", "match", "find", "count", "split" } do
        assert.is_nil((r[method](r, nil)))
        assert.is_truthy(message(r[method], r, 5):find(":" .. method .. ": a string is needed, given 5", 1, true))
        assert.is_truthy(message(r[method], "text"):find(method .. " was called with a dot", 1, true))
      end
      assert.is_nil(r:replace(nil, ""))
      for _ in r:each(nil) do error("nil has no match") end
    end
  end)

  it("say which there are", function()
    assert.is_truthy(message(function() return re("a"):gsub("a", "b") end):find("a regular expression has no method gsub", 1, true))
    assert.is_truthy(message(function() return re("a"):tst("a") end):find('did you mean "test"', 1, true))
    assert.is_truthy(message(function() re("a").test = 1 end):find("read-only", 1, true))
  end)

  it("replace groups by number and name", function()
    local r = re [[(?<first>\w+) (?<last>\w+)]]
    assert.equal("Lovelace, Ada", r:replace("Ada Lovelace", "${last}, ${first}"))
    assert.equal("Lovelace$Ada0", r:replace("Ada Lovelace", "$2$$${1}0"))
    assert.equal("[Ada Lovelace]", r:replace("Ada Lovelace", "[$0]"))
    assert.equal("-b-", re("(x)?a"):replace("aba", "$1-"):gsub("^%-", "-"))
    assert.equal("b a", re("a"):replace("a a", "b", 1))
    assert.equal("a a", re("a"):replace("a a", "b", 0))
    for _, wrong in ipairs { "$3", "$x", "${none}", "${", "$", "${1", "${}" } do
      assert.is_truthy(message(r.replace, r, "Ada Lovelace", "a" .. wrong):find("has a $ at byte 2 that is followed by no group", 1, true))
    end
    assert.is_truthy(message(re("a").replace, re("a"), ("a"):rep(1000), ("b"):rep(100000)):find("larger than 64 MB", 1, true))
  end)

  it("find from a place on", function()
    local r = re "ä|b"
    assert.equal(3, (r:find("xxb", 2)))
    assert.equal(1, (r:find("äb")))
    assert.equal(3, (r:find("äb", 2))) -- within a character: the next one
    assert.equal(3, (r:find("äb", -1)))
    assert.is_nil(r:find("äb", 9))
    assert.equal(1, (r:find("b", 0)))
  end)

  it("take the group of a name that took part", function()
    local r = re "(?J)(?<n>a)|(?<n>b)"
    assert.same({ n = "a" }, r:match("a"))
    assert.same({ n = "b" }, r:match("b"))
  end)
end)

describe("regular expressions", function()
  it("are the same object for the same pattern and flags", function()
    assert.equal(re("same"), re("same"))
    assert.not_equal(re("same"), re("same", "i"))
  end)

  it("are freed when nobody holds them", function()
    for i = 1, 3000 do assert.is_true(re("number " .. i):test("number " .. i)) end
  end)

  it("are at most 1,000 at a time", function()
    local held = {} -- luacheck: ignore
    local said = message(function() for i = 1, 1100 do held[i] = re("held " .. i) end end)
    assert.is_truthy(said:find("there are 1,000 regular expressions already", 1, true))
    held = nil
    collectgarbage()
    collectgarbage()
    assert.is_true(re("free again"):test("free again"))
  end)
end)
