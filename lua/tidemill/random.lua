-- math.random of job code. LuaJIT's own has one sequence per lua_State: subtasks on one thread would take turns in it, and those
-- on two threads draw the same numbers. Here every chain of functions of every subtask has a stream of its own, which follows
-- from the job's seed, the operator and the subtask: what a subtask draws depends on its rows alone.
--
-- The generator is sfc32 (Chris Doty-Humphrey's small fast chaotic one): additions, shifts and rotations of 32 bits, which cost
-- little in the interpreter too; two draws make the 53 bits of a number.
local random = {}

local tobit, bxor, rol, lshift, rshift = bit.tobit, bit.bxor, bit.rol, bit.lshift, bit.rshift
local floor, type = math.floor, type

local function draw(s)
  local b, c, n = s[2], s[3], s[4]
  local t = tobit(s[1] + b + n)
  s[1], s[2], s[3], s[4] = bxor(b, rshift(b, 9)), tobit(c + lshift(c, 3)), tobit(rol(c, 21) + t), tobit(n + 1)
  return t
end

local function seed_stream(s, seed)
  local whole = floor(seed)
  s[1], s[2], s[3], s[4] = tobit(whole % 2 ^ 32), bxor(tobit(floor(whole / 2 ^ 32) % 2 ^ 32), s.node), s.subtask, 1
  if whole ~= seed then s[4] = tobit((seed - whole) * 2 ^ 32) end
  for _ = 1, 20 do draw(s) end
  return s
end

---@param seed number of the job
---@param node integer first operator of the chain
---@param subtask integer
function random.stream(seed, node, subtask) return seed_stream({ 0, 0, 0, 0, node = tobit(node), subtask = tobit(subtask) }, seed) end

local script = random.stream(20011, -1, -1) -- of the script itself: the same in every lua_State, or each would build another graph
local current = script

---The stream to draw from; nil: the script's.
function random.enter(stream) current = stream or script end

-- Not a loop: this runs inside compiled loops.
local function stir(s)
  draw(s)
  draw(s)
  draw(s)
  draw(s)
end

---Starts the stream that is drawn from at the place of a generated row: what its function draws follows from seed, field and
---row alone. Gives the row.
---@param seed integer of the source, 0 to 2^53
---@param field integer
---@param row integer from 0
function random.at_row(seed, field, row)
  local s = current
  local high = floor(row * 2 ^ -32)
  s[1], s[2] = tobit(row - high * 2 ^ 32), bxor(tobit(high), lshift(field, 20))
  local seed_high = floor(seed * 2 ^ -32)
  s[3], s[4] = tobit(seed - seed_high * 2 ^ 32), bxor(tobit(seed_high), 1)
  stir(s)
  stir(s)
  stir(s)
  return row
end

local function bad(argument, why) error(("bad argument #%d to 'random' (%s)"):format(argument, why), 3) end

---As Lua's: a number from 0 to below 1; a whole one from 1 to m; from m to n.
function random.random(m, n)
  local s = current
  local r = (rshift(draw(s), 5) * 67108864 + rshift(draw(s), 6)) * 2 ^ -53
  if m == nil then return r end
  if type(m) ~= "number" then
    m = tonumber(m) or bad(1, "number expected, got " .. type(m))
  end
  if n == nil then
    if m < 1 then bad(1, "interval is empty") end
    return floor(r * floor(m)) + 1
  end
  if type(n) ~= "number" then
    n = tonumber(n) or bad(2, "number expected, got " .. type(n))
  end
  if m > n then bad(2, "interval is empty") end
  m, n = floor(m), floor(n)
  return floor(r * (n - m + 1)) + m
end

---Starts the stream that is drawn from anew; streams stay different.
function random.seed(seed)
  if type(seed) ~= "number" or seed ~= seed or seed == math.huge or seed == -math.huge then
    error("bad argument #1 to 'randomseed' (number expected, got " .. type(seed) .. ")", 2)
  end
  seed_stream(current, seed)
end

return random
