-- Which columns of a source are read.
local scripts = require "tests.spec.support.scripts"

local HEAD = [[
local tm = require "tidemill"
local rows = tm.from(tm.stdin { format = "json", schema = { a = "int", b = "string", c = "double", ts = "timestamp" } })
]]

local function used(text)
  local source = scripts.job(HEAD .. text).nodes[1]
  local list = {}
  for _, f in ipairs(source.schema.fields) do if source.used[f.name] then list[#list + 1] = f.name end end
  return table.concat(list, " ")
end

describe("projection", function()
  it("reads what a sink writes", function()
    assert.equal("a b c ts", used "return rows")
    assert.equal("a c", used "return rows:select('a', 'c')")
    assert.equal("b c ts", used "return rows:drop('a')")
  end)

  it("reads keys, aggregated fields and the event time, and nothing else", function()
    assert.equal("b", used "return rows:key_by('b'):count()")
    assert.equal("b c", used "return rows:key_by('b'):sum('c')")
    assert.equal("a b ts", used [[return rows:watermark("ts"):key_by("b"):window(tm.tumbling("1m"))
      :aggregate("w", { m = tm.max("a") })]])
  end)

  it("reads what any of several consumers needs", function()
    assert.equal("a b", used "rows:select('a'):to(tm.discard()) return rows:key_by('b'):count()")
  end)

  it("sees through unions", function()
    assert.equal("a b", used "return rows:select('a', 'b'):union(rows:select('a', 'b'))")
  end)

  it("knows the columns that hold nothing, as far down as they are passed on", function()
    local job = scripts.job(HEAD .. [[
      return rows:filter(function(e) return e.a > 1 end):assign { d = function(e) return e.a end }
        :union(rows:assign { d = function(e) return e.a end }):key_by("b"):count()]])
    local texts = {}
    for i, node in ipairs(job.nodes) do
      local names = {}
      for name in pairs(node.unread) do names[#names + 1] = name end
      table.sort(names)
      texts[i] = node.verb .. ": " .. table.concat(names, " ")
    end
    assert.same({ "from: c ts", "filter: c ts", "assign: c ts", "assign: c ts", "union: c ts", "key_by: c ts", "count: ", "to: " },
      texts)
  end)

  it("reads the whole row where failed ones go to dead letters", function()
    assert.equal("a b c ts", used "return rows:key_by('b'):on_error(tm.file { path = 'dead.jsonl' }):count()")
  end)
end)
