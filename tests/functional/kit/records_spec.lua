-- Records that are used after their call: an error under test, whatever operator they were given to.
local tm = require "tidemill"
local HEAD = [[
local tm = require "tidemill"
local kept
local rows = tm.from(tm.stdin { name = "in", format = "json", schema = { k = "string", v = "int", ts = "timestamp" } }):watermark("ts")
]]
local CASES = {
  map = 'rows:map(function(e) local r = { v = kept and kept.v or e.v } kept = e return r end)',
  ["map that assigns"] = 'rows:map(function(e) e.v = e.v + (kept and kept.v or 0) kept = e return e end)',
  filter = 'rows:filter(function(e) local old = kept kept = e return old == nil or old.v == 1 end)',
  flat_map = 'rows:flat_map(function(e, out) out { v = kept and kept.v or e.v } kept = e end)',
  ["flat_map, the record itself"] = 'rows:flat_map(function(e, out) if kept then out(kept) end out(e) kept = e end):returns { k = "string", v = "int" }',
  assign = 'rows:assign { w = function(e) local r = (kept or e).v kept = e return r end }:returns { w = "int" }',
  key_by = 'rows:key_by(function(e) local r = (kept or e).v kept = e return r end, "x"):count { as = "n" }',
  reduce = 'rows:key_by("k"):reduce("r", function(a, e) if kept then a.v = kept.v end kept = e return a end)',
  process = 'rows:key_by("k"):process("p", { each = function(ctx, e) ctx:emit { v = (kept or e).v } kept = e end }):returns { v = "int" }',
  aggregate = [[rows:key_by("k"):window(tm.tumbling("1s")):aggregate("a", tm.aggregate { accumulator = { n = "int" },
    add = function(a, e) a.n = a.n + (kept or e).v kept = e end, merge = function() end, result = function(a) return { n = a.n } end })]],
  ["types of the first row"] = 'rows:map(function(e) local old = kept kept = e local f = setmetatable({}, { __index = function() return (old or e).v end }) return { v = f.x } end)',
}
local GOOD = {
  map = 'rows:map(function(e) local r = { v = kept and kept.v or e.v } kept = e:copy() return r end)',
  same = 'rows:map(function(e) e.v = e.v + 1 return e end):filter(function(e) return e.v > 0 end):flat_map(function(e, out) out(e) out("x", e) end)',
  process = 'rows:key_by("k"):process("p", { each = function(ctx, e) ctx:emit(e) ctx:output("y", e) end })',
  reduce = 'rows:key_by("k"):reduce("r", function(a, e) a.v = a.v + e.v return a end)',
  reduce2 = 'rows:key_by("k"):reduce("r", function(a, e) return e end)',
}
describe("a kept record", function()
  for name, code in pairs(CASES) do it("is refused: " .. name, function()
    local t = tm.test { code = HEAD .. "return " .. code .. ':to(tm.print { name = "out" })' }
    local ok, message = pcall(function()
      for i = 1, 3 do t:push("in", { k = "a", v = i, ts = i }) end
      t:push("in", { { k = "a", v = 1, ts = 1 }, { k = "a", v = 1, ts = 1 } })
      t:finish()
    end)
    assert.is_false(ok)
    assert.matches("after the call", message)
  end) end
  for name, code in pairs(GOOD) do it("is good: " .. name, function()
    local t = tm.test { code = HEAD .. "return " .. code .. ':to(tm.print { name = "out" })' }
    for i = 1, 3 do t:push("in", { k = "a", v = i, ts = i }) end
    local l = {} for i = 1, 300 do l[i] = { k = "a" .. i, v = 1, ts = 1 } end
    t:push("in", l)
    t:finish()
    assert.is_true(#t:take("out") >= 300)
  end) end
end)
