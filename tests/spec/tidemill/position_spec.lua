-- The column of a fault, read from the text: given where there is no doubt, left out where there is.
local place = require "tidemill.place"
local position = require "tidemill.position"

local function at(line, code, message, text)
  place.reset()
  place.add_file("job.lua", text)
  return position.of("job.lua:" .. line, code, message)
end

describe("the position of a fault", function()
  after_each(place.reset)

  it("is that of the word that the message quotes", function()
    assert.equal("job.lua:2:3\nb.amuont = 1\n  ^", at(2, "UNKNOWN_FIELD",
      'there is no field "amuont"; there is amount', "local b\nb.amuont = 1"))
    assert.equal("job.lua:1:3\nf(\"x y\")\n  ^", at(1, "TYPE", "given 'x y'", 'f("x y")'))
  end)

  it("is that of the operator where the message quotes nothing of the line", function()
    assert.equal("job.lua:1:3\ns:count()\n  ^", at(1, "GRAPH", 'count: the stream "lines" has no key', "s:count()"))
    assert.equal("job.lua:1:11\nreturn tm.file {}\n          ^", at(1, "OPTION", "tm.file: no option", "return tm.file {}"))
  end)

  it("is that of the innermost option that the message goes through", function()
    assert.equal("job.lua:1:26\ntm.webhook { retry = {   min = 9, max = 3 } }\n                         ^", at(1, "ARGUMENT",
      "tm.webhook: retry: min: a duration is needed, given 9", "tm.webhook { retry = {   min = 9, max = 3 } }"))
    assert.equal("job.lua:1:14\ntm.webhook { retry = { min = 9, min = 3 } }\n             ^", at(1, "ARGUMENT",
      "tm.webhook: retry: min: a duration is needed, given 9", "tm.webhook { retry = { min = 9, min = 3 } }"))
  end)

  it("is not given where the word stands there twice, or not at all, or in a comment", function()
    assert.equal("job.lua:1", at(1, "UNKNOWN_FIELD", 'there is no field "a"', "e.a = e.a"))
    assert.equal("job.lua:1", at(1, "UNKNOWN_FIELD", 'there is no field "b"', "e.a = 1 -- b"))
    assert.equal("job.lua:9", at(9, "UNKNOWN_FIELD", 'there is no field "b"', "e.b = 1"))
    assert.equal("other.lua:1", position.of("other.lua:1", "TYPE", '"x"'))
    assert.equal("data.jsonl", position.of("data.jsonl", "TYPE", '"x"'))
  end)

  it("of a syntax error is the word at which the text stops being Lua, whichever of its kind that is", function()
    assert.equal("job.lua:1:11\nf(a) g(b) )\n          ^", at(1, "SCRIPT_SYNTAX", "unexpected symbol near ')'", "f(a) g(b) )"))
    assert.equal("job.lua:2:9\nfor x = = 2\n        ^", at(2, "SCRIPT_SYNTAX", "unexpected symbol near '='", "local y = 1\nfor x = = 2"))
  end)

  it("counts characters, not bytes, and shows a long line around it", function()
    assert.equal("job.lua:1:11\nlocal é = x\n          ^", at(1, "UNKNOWN_NAME", "there is no variable 'x'", "local é = x"))
    local text = ("y = 1 "):rep(100) .. "zz = 2 " .. ("y = 1 "):rep(100)
    local shown = at(1, "UNKNOWN_NAME", "no 'zz'", text)
    local line, caret = shown:match("\n(.*)\n(.*)$")
    assert.equal("job.lua:1:601", shown:match("^[^\n]*"))
    assert.is_true(#line <= 100)
    assert.equal("zz", line:sub(#caret, #caret + 1))
  end)

  it("counts from the text of -e, not from what stands in front of it", function()
    place.reset()
    place.add_file("-e", "a ! b", 'local tm = require "tidemill" return ')
    assert.equal("-e:1:3\na ! b\n  ^", position.of("-e:1", "SCRIPT_SYNTAX", "'end' expected near '!'"))
  end)
end)
