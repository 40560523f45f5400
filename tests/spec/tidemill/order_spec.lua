-- The order of fields read from a job's text.
local order = require "tidemill.order"

local function keys(text, line, names)
  local fields = {}
  for name in names:gmatch("%S+") do fields[name] = true end
  return table.concat(order.keys(fields, { text = text }, line), " ")
end

describe("field order", function()
  it("is that of first appearance in the text", function()
    assert.equal("z a m", keys("tm.schema { z = 1, a = 2, m = 3 }", 1, "a m z"))
  end)

  it("begins at the line of the call", function()
    assert.equal("a z", keys("f { z = 1, a = 1 }\nf { a = 1, z = 1 }", 2, "a z"))
  end)

  it("is that of the table with these keys, not of what else the line names", function()
    local text = "local b = 1 rows:map(function(e) e.b = 2 local t = { b = 1, a = 2 } return t end):returns { a = 1, b = 2 }"
    assert.equal("a b", keys(text, 1, "a b"))
    assert.equal("a b", keys("f { c = { b = 1, a = 2, d = 3 }, a = 1 } g { a = 3, b = 4 }", 1, "a b"))
    assert.equal("a b", keys("f { x = nil, a = 1, b = 2 }", 1, "a b"))
  end)

  it("is that of assignments where no table has the keys", function()
    assert.equal("b c a", keys("local t = { b = 1 } t.c = 2 t['a'] = 3 f(t)", 1, "a b c"))
  end)

  it("takes names that are not below the call from the whole text", function()
    assert.equal("z a", keys("local t = { z = 1, a = 1 }\nreturn tm.schema(t)", 2, "a z"))
  end)

  it("puts computed names last, alphabetically", function()
    assert.equal("z a b", keys("f { z = 1, [x] = 2 }", 1, "a b z"))
  end)

  it("reads names in brackets and quotes", function()
    local fields = { ["two words"] = true, a = true, b = true }
    local text = 'f { ["two words"] = 1, [ \'b\' ] = 2, a = 3 }'
    assert.same({ "two words", "b", "a" }, order.keys(fields, { text = text }, 1))
  end)

  it("does not take names from comments and strings", function()
    local text = 'f { -- b = 1\n --[[ c = 1 ]] --[==[ c = 1 ]] ]==] s = "a = 1", t = [[ b = 2 ]], u = [=[ ]] a = ]=],\n'
      .. "c = 1, b = 2, a = 'c = \\' 3' }"
    assert.equal("s t u c b a", keys(text, 1, "a b c s t u"))
  end)

  it("does not take comparisons for names", function()
    assert.equal("b a", keys("if a == b then f { b = 1, a = 2 } end", 1, "a b"))
    assert.equal("b a", keys("x = a <= c, a ~= b; f { b = 1, a = 2 }", 1, "a b"))
  end)

  it("gives every name once, whatever the text", function()
    for _, text in ipairs { "", "f {", "a = a = a", "[[", '"', "--[[", "a", "= =", "['a", "[\"a\"]", "\0\255" } do
      assert.equal("a b", keys(text, 1, "a b"))
    end
  end)
end)
