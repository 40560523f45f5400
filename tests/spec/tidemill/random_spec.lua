-- math.random of job code: a stream per chain and subtask, that follows from the seed alone.
local random = require "tidemill.random"

local function draws(stream, count, ...)
  local list = {}
  random.enter(stream)
  for i = 1, count do list[i] = random.random(...) end
  random.enter(nil)
  return list
end

describe("math.random", function()
  it("gives the same numbers for the same seed, operator and subtask, however the streams take turns", function()
    local want = draws(random.stream(1, 3, 0), 20)
    local one, other = random.stream(1, 3, 0), random.stream(1, 3, 1)
    local got = {}
    for i = 1, 20 do
      got[i] = draws(one, 1)[1]
      draws(other, i % 3)
    end
    assert.same(want, got)
  end)

  it("gives every subtask and operator numbers of its own", function()
    local seen = {}
    for _, seed in ipairs { 0, 1, 2 ^ 40, 0.5 } do
      for node = 0, 3 do
        for subtask = 0, 3 do
          for _, r in ipairs(draws(random.stream(seed, node, subtask), 50)) do
            assert.is_nil(seen[r])
            seen[r] = true
          end
        end
      end
    end
  end)

  it("is even over its interval", function()
    local counts, sum = {}, 0
    for _, r in ipairs(draws(random.stream(7, 1, 1), 60000, 6)) do counts[r] = (counts[r] or 0) + 1 end
    for face = 1, 6 do assert.is_true(math.abs(counts[face] - 10000) < 500, face .. ": " .. tostring(counts[face])) end
    assert.is_nil(counts[0] or counts[7])
    for _, r in ipairs(draws(random.stream(7, 1, 2), 10000)) do
      assert.is_true(r >= 0 and r < 1)
      sum = sum + r
    end
    assert.is_true(math.abs(sum / 10000 - 0.5) < 0.02)
    for _, r in ipairs(draws(random.stream(7, 1, 3), 1000, -3, 2)) do assert.is_true(r >= -3 and r <= 2 and r % 1 == 0) end
  end)

  it("takes and refuses what Lua's does", function()
    assert.equal(5, draws(random.stream(1, 1, 1), 1, 5, 5)[1])
    assert.equal(1, draws(random.stream(1, 1, 1), 1, "1")[1])
    for _, wrong in ipairs { { 0 }, { 3, 2 }, { "x" }, { {} } } do
      local ok, message = pcall(random.random, unpack(wrong))
      assert.is_false(ok)
      assert.truthy(message:find("random_spec", 1, true) or message:find("bad argument", 1, true))
    end
    assert.is_false(pcall(random.seed, "x"))
  end)

  it("starts anew by randomseed, and streams stay different", function()
    local one, other = random.stream(1, 1, 0), random.stream(1, 1, 1)
    local function after(stream, seed)
      random.enter(stream)
      random.seed(seed)
      return draws(stream, 3)
    end
    assert.same(after(one, 42), after(one, 42))
    assert.not_same(after(one, 42), after(other, 42))
    assert.not_same(after(one, 42), after(one, 42.5))
  end)
end)
