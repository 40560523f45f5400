-- What the outline of a text shows: functions, tables, the fields that are named.
local outline = require "tidemill.outline"

local function of(text) return outline.of { text = text } end

local function functions(f, text)
  local parts = {}
  for i, child in ipairs(f.children) do parts[i] = functions(child, text) end
  return text:sub(f.from, f.to):match("^function%s*([%w_.]*)") .. "(" .. table.concat(parts, " ") .. ")"
end

local function names(t)
  local list = {}
  for i, n in ipairs(t.names) do list[i] = n.name end
  return table.concat(list, " ")
end

describe("the outline of a text", function()
  it("has its functions, one inside another", function()
    local text = [====[
local function a() if x then for i = 1, 2 do while y do end end end repeat local f = function() end until f end
function t.b() return function() end, function() do end end end -- function c() end
local s = "function d() end", [=[ function e() end ]=], 'it''s' -- [[ function
--[[ function f() end
]] function g() end]====]
    local o, list = of(text), {}
    for i, f in ipairs(o.root.children) do list[i] = functions(f, text) end
    assert.same({ "a(())", "t.b(() ())", "g()" }, list)
    assert.equal("function g() end", text:sub(o.root.children[3].from, o.root.children[3].to))
    assert.same({ 1, 2, 5 }, { o.root.children[1].line, o.root.children[2].line, o.root.children[3].line })
  end)

  it("has tables with their own keys, by the function that they stand in", function()
    local o = of [[
f { a = { x = 1, y = nil; }, ["b c"] = 2, 'p', [d] = 3, ["e"] = function(t) g = 1 t.h = 2 t["i"] = 3 return { k = nil } end,
  l = nil, m = nil == 1 }]]
    local list = {}
    for i, t in ipairs(o.tables) do list[i] = t.line .. " " .. t.depth .. " " .. names(t) end
    assert.same({ "1 0 a b c e l m", "1 0 x y", "1 1 k" }, list)
    assert.same({ l = true }, o.tables[1].nils)
    assert.same({ y = true }, o.tables[2].nils)
    assert.same({ k = true }, o.root.children[1].tables[1].nils)
    assert.equal(2, #o.root.tables)
  end)

  it("names fields of tables and assignments, not variables", function()
    assert.equal("b c d e", names(of "local a = 1 t.b = 2 f { c = 3 } t['d'] = 4 x.y.e = 5 if f == g then h = i end"))
  end)

  it("comes to an end for every text", function()
    for _, text in ipairs { "", "end end }", "{ { function", "function", "[[", "--[==[", "'", "a = a = {", "\0\255", "until" } do
      assert.is_table(of(text).names)
    end
  end)
end)
