-- Lua values as JSON text.
local any = require "codegen.any"
local json_text = require "tidemill.json_text"
local null = require "tidemill.null"

describe("JSON text", function()
  it("says every value that JSON has", function()
    assert.equal('{"a":[1,-0.5,true,null],"b":{},"c":[]}', json_text.encode { a = { 1, -0.5, true, null }, b = {}, c = any.array {} })
    assert.equal([["\"\\\n\u0001é"]], json_text.encode '"\\\n\1é')
    assert.equal("9007199254740993", json_text.encode(require("codegen.int64").type(9007199254740993LL)))
    assert.equal("0.1", json_text.encode(0.1))
    assert.equal(0.1 + 0.2, tonumber(json_text.encode(0.1 + 0.2)))
  end)

  it("is none for what JSON cannot say", function()
    local circle = {}
    circle.x = circle
    for _, v in ipairs { 0 / 0, 1 / 0, print, { [1.5] = 1 }, { print }, circle } do assert.is_nil(json_text.encode(v)) end
  end)
end)
