-- Nearest names, types and their aggregates, codes.
local suggest = require "tidemill.suggest"
local types = require "tidemill.types"

describe("the nearest name", function()
  local names = { "user_id", "amount", "country", "ts", "n" }

  it("is one edit or a third of the name away", function()
    assert.equal("user_id", suggest.nearest("usr_id", names))
    assert.equal("user_id", suggest.nearest("userid", names))
    assert.equal("country", suggest.nearest("Contry", names))
    assert.equal("amount", suggest.nearest("amuont", names))
    assert.equal("user_id", suggest.nearest("User", names))
    assert.is_nil(suggest.nearest("velocity", names))
    assert.is_nil(suggest.nearest("", names) and nil)
  end)

  it("does not depend on the order of a table", function()
    assert.same({ "a", "b", "c" }, suggest.keys { c = 1, a = 1, b = 1, [1] = 1 })
  end)
end)

describe("types", function()
  it("have one spelling", function()
    assert.equal("decimal(10,2)", types.parse("decimal( 10 , 2 )", "", ""))
    assert.equal("int64", types.parse("int64", "", ""))
  end)
end)

describe("codes", function()
  it("are those of the table of errors", function()
    local codes = require "tidemill.codes"
    assert.equal(-307, codes.UNKNOWN_FIELD)
    assert.equal(-101, codes.MEMORY)
    assert.equal(-505, codes.USER_MEMORY)
  end)
end)
