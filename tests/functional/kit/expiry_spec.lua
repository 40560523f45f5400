-- Time to live by the clock, from a declaration to what a function sees: random calls over values, lists and maps of few keys against
-- a plain model, under the clock of the kit. A row says what a call does; every call tells all that it sees.
local tm = require "tidemill"

local Row = tm.schema { k = "string", act = "string", x = "int" }
local KEYS, TTL = 5, 100
local SEED = tonumber(os.getenv("TIDEMILL_TEST_SEED")) or 3

local function job()
  return tm.from(tm.stdin { name = "in", format = "json", schema = Row }):key_by("k"):process("p", {
    state = {
      v = tm.value("int", { ttl = 100 }), vr = tm.value("string", { ttl = 100, refresh = "access" }),
      l = tm.list("int", { ttl = 100 }), lr = tm.list("string", { ttl = 100, refresh = "access" }),
      m = tm.map("int", "int", { ttl = 100 }), mr = tm.map("int", "string", { ttl = 100, refresh = "access" }),
      for_ever = tm.value("int"),
    },
    each = function(ctx, e)
      local s, act, x, seen = ctx.state, e.act, e.x, ""
      if act == "v" then s.v:set(x)
      elseif act == "vr" then s.vr:set("t" .. x)
      elseif act == "l" then s.l:add(x)
      elseif act == "lr" then s.lr:add("t" .. x)
      elseif act == "m" then s.m:put(x % 8, x)
      elseif act == "mr" then s.mr:put(x % 8, "t" .. x)
      elseif act == "read vr" then seen = seen .. tostring(s.vr:get())
      elseif act == "read mr" then seen = seen .. tostring(s.mr:get(x % 8))
      elseif act == "clear" then
        s.v:clear()
        s.l:clear()
        s.m:clear()
      elseif act == "fail" then
        s.v:set(x)
        s.vr:set("undone")
        s.l:add(x)
        s.m:put(x % 8, x)
        s.mr:put(x % 8, "undone")
        error("undone")
      elseif act == "look" then
        -- Not at those that reading keeps alive.
        seen = "v " .. tostring(s.v:get()) .. " l " .. s.l:size()
        for _, item in s.l:pairs() do seen = seen .. " " .. item end
        seen = seen .. " m " .. s.m:size()
        for i = 0, 7 do seen = seen .. " " .. tostring(s.m:get(i)) end
      elseif act == "look at all" then
        seen = "vr " .. tostring(s.vr:get()) .. " lr"
        for _, item in s.lr:pairs() do seen = seen .. " " .. item end
        seen = seen .. " mr"
        for i = 0, 7 do seen = seen .. " " .. tostring(s.mr:get(i)) end
      end
      ctx:emit { k = ctx.key, act = act, seen = seen }
    end,
  }):returns { k = "string", act = "string", seen = "string" }:on_error("skip"):to(tm.print { name = "out" })
end

-- --- the model: what was put, with its last access -----------------------------------------------------------------------------------

local Model = {}
Model.__index = Model

local function model_of() return setmetatable({ v = {}, vr = {}, l = {}, lr = {}, m = {}, mr = {} }, Model) end

local function alive(item, now) return item and item.at and item.at + TTL > now end

local function read(item, now, access)
  if not alive(item, now) then return nil end
  if access then item.at = now end
  return item.value
end

local function items(list, now, access)
  local found = {}
  for _, item in ipairs(list) do
    local value = read(item, now, access)
    if value ~= nil then found[#found + 1] = value end
  end
  return found
end

local function slots(map, now, access)
  local found, count = {}, 0
  for i = 0, 7 do
    local value = read(map[i], now, access)
    found[#found + 1] = tostring(value)
    count = count + (value ~= nil and 1 or 0)
  end
  return found, count
end

function Model:call(act, x, now)
  if act == "v" then self.v = { value = x, at = now }
  elseif act == "vr" then self.vr = { value = "t" .. x, at = now }
  elseif act == "l" then table.insert(self.l, { value = x, at = now })
  elseif act == "lr" then table.insert(self.lr, { value = "t" .. x, at = now })
  elseif act == "m" then self.m[x % 8] = { value = x, at = now }
  elseif act == "mr" then self.mr[x % 8] = { value = "t" .. x, at = now }
  elseif act == "read vr" then return tostring(read(self.vr, now, true))
  elseif act == "read mr" then return tostring(read(self.mr[x % 8], now, true))
  elseif act == "clear" then self.v, self.l, self.m = {}, {}, {}
  elseif act == "fail" then return nil
  elseif act == "look" then
    local l, m, count = items(self.l, now), slots(self.m, now)
    local text = "v " .. tostring(read(self.v, now)) .. " l " .. #l
    if #l > 0 then text = text .. " " .. table.concat(l, " ") end
    return text .. " m " .. count .. " " .. table.concat(m, " ")
  elseif act == "look at all" then
    local l = items(self.lr, now, true)
    local text = "vr " .. tostring(read(self.vr, now, true)) .. " lr"
    if #l > 0 then text = text .. " " .. table.concat(l, " ") end
    return text .. " mr " .. table.concat((slots(self.mr, now, true)), " ")
  end
  return ""
end

-- --- random calls --------------------------------------------------------------------------------------------------------------------

local ACTS = { "v", "vr", "l", "lr", "m", "mr", "read vr", "read mr", "fail", "look", "look", "look at all" }

describe("what has a time to live by the clock", function()
  it("is seen until its time is over, and never after it (seed " .. SEED .. ")", function()
    math.randomseed(SEED)
    local t, models, over = tm.test(job, { parallelism = 2, now = 1000 }), {}, 0
    for k = 1, KEYS do models["k" .. k] = model_of() end
    for _ = 1, 250 do
      local now, rows, expected = t:now(), {}, {}
      for i = 1, math.random(1, 12) do
        local k, act, x = "k" .. math.random(KEYS), ACTS[math.random(#ACTS)], math.random(1000)
        if math.random(40) == 1 then act = "clear" end
        rows[i] = { k = k, act = act, x = x }
        local seen = models[k]:call(act, x, now)
        if seen then table.insert(expected, k .. ": " .. act .. ": " .. seen) end
        if seen and seen:find("nil", 1, true) then over = over + 1 end
      end
      t:push("in", rows)
      local found = {}
      for i, row in ipairs((t:take("out"))) do found[i] = row.k .. ": " .. row.act .. ": " .. row.seen end
      table.sort(found) -- two subtasks
      table.sort(expected)
      assert.same(expected, found)
      t:advance_clock(math.random(4) == 1 and math.random(90, 110) or math.random(0, 30))
    end
    assert.is_true(over > 100)
  end)

  it("leaves nothing behind when all of it is over", function()
    local t = tm.test(job, { now = 1000 })
    for i = 1, 600 do
      t:push("in", { { k = "a" .. i, act = "v", x = i }, { k = "a" .. i, act = "l", x = i }, { k = "a" .. i, act = "mr", x = i } })
    end
    assert.state(t, "p", "a1", { v = 1, l = { 1 }, mr = { [1] = "t1" } })
    t:advance_clock(99)
    assert.state(t, "p", "a600", { v = 600, l = { 600 }, mr = { [0] = "t600" } })
    t:advance_clock(1)
    for i = 1, 600 do assert.same({}, t:state("p", "a" .. i)) end
  end)
end)
