-- Schemas as text: what is printed is what a job can have, and reads back as the same schema.
local schema_text = require "tidemill.schema_text"
local scripts = require "tests.spec.support.scripts"

local HEAD = "local tm = require 'tidemill' "

local function schema_of(text)
  local job = scripts.job(HEAD .. "return tm.from(tm.stdin { format = 'json', schema = " .. text .. " })")
  return job.nodes[1].declared
end

local TEXTS = {
  [[{ a = "int", ["post code"] = "string", ["end"] = { "bool", required = true } }]],
  [[{ a = { "decimal(10,2)", rename = "a \"b\"\n", default = 0 }, l = { "list(int)", default = { 1, 2 } } }]],
  [[{ s = { street = "string", very_long_name_of_a_field = "string", another_long_name = { "int", required = true },
      inner = tm.list { sku = "string", quantity = "int", description_of_it = "string" } }, m = tm.map("string", { x = "double" }) }]],
}

describe("the text of a schema", function()
  it("reads back as the same schema, on one line and on many", function()
    for _, text in ipairs(TEXTS) do
      local s = schema_of(text)
      assert.same(s.fields, schema_of(schema_text.line(s)).fields)
      assert.same(s.fields, schema_of(schema_text.lines(s)).fields)
    end
  end)

  it("is \"any\" for records without a shape", function()
    assert.equal('"any"', schema_text.line(schema_of('"any"')))
  end)
end)

describe("classes for the editor", function()
  it("have names that no two share", function()
    local job = scripts.job(HEAD .. [[
      local a = tm.from(tm.file { path = "a-b.jsonl", schema = { c = { x = "int" }, C = { y = "int" } } })
      local b = tm.from(tm.file { path = "in/a_b.jsonl.gz", schema = { x = "int64" } })
      a:to(tm.discard()) return b:to(tm.discard())]])
    local text = schema_text.sources(job.nodes, "luals")
    local seen = {}
    for name in text:gmatch("%-%-%-@class (%w+)") do
      assert.is_nil(seen[name])
      seen[name] = true
    end
    assert.same({ AB = true, ABC = true, ABC2 = true, AB2 = true }, seen)
  end)
end)
