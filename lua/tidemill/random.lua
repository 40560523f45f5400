-- math.random of job code. LuaJIT's own has one sequence per lua_State: subtasks on one thread would take turns in it, and those
-- on two threads draw the same numbers. Here every chain of functions of every subtask has a stream of its own, which follows
-- from the job's seed, the operator and the subtask: what a subtask draws depends on its rows alone.
--
-- A call with a key draws from a stream that follows from the job's seed, the operator, the key and how many of the key's calls
-- have drawn before: the same whatever the parallelism, and behind a restart. C counts them (core/operator/draws.h), and is asked
-- at a call's first draw, so that a call that draws nothing costs nothing. Which call it is tells the place of its key's record.
--
-- The generator is sfc32 (Chris Doty-Humphrey's small fast chaotic one): additions, shifts and rotations of 32 bits, which cost
-- little in the interpreter too; two draws make the 53 bits of a number.
local ffi = require "ffi"

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

---The number of an operator, by its name and the role of the chain in it.
function random.operator(name, role)
  local h = tobit(2166136261)
  for _, text in ipairs { name, role or "" } do
    for i = 1, #text do h = tobit(bxor(h, text:byte(i)) + lshift(h, 5) + rol(h, 19)) end
    h = bxor(h, rshift(h, 15))
  end
  return h
end

---@param seed number of the job
---@param node integer random.operator of the chain's first one
---@param subtask integer
function random.stream(seed, node, subtask)
  local s = seed_stream({ 0, 0, 0, 0, node = tobit(node), subtask = tobit(subtask) }, seed)
  s.begin = { s[1], s[2], s[3], s[4] }
  return s
end

local script = random.stream(20011, -1, -1) -- of the script itself: the same in every lua_State, or each would build another graph
local current = script
local runs = 0 -- of chunks; a record's place is that of one call in a run

---The stream to draw from; nil: the script's.
function random.enter(stream)
  current = stream or script
  runs = runs + 1
end

---The stream of calls with a key. Its `kept` is where the chunk says which record is under way (codegen/runtime.lua).
---@param ctx ffi.cdata* struct tm_chain_ctx *
---@param C table namespace with tm_chain_draw
function random.keyed(ctx, C) return { 0, 0, 0, 0, node = 0, subtask = 0, ctx = ctx, C = C, at = -1, run = -1 } end

---Where a stream is, to go on there; nil: nothing has been drawn.
function random.position(stream)
  local s, begin = stream, stream.begin
  if s[1] == begin[1] and s[2] == begin[2] and s[3] == begin[3] and s[4] == begin[4] then return nil end
  return s[1], s[2], s[3], s[4]
end

function random.resume(stream, a, b, c, d) stream[1], stream[2], stream[3], stream[4] = tobit(a), tobit(b), tobit(c), tobit(d) end

-- Not a loop: this runs inside compiled loops.
local function stir(s)
  draw(s)
  draw(s)
  draw(s)
  draw(s)
end

local intptr = ffi.typeof("intptr_t")

-- The first draw of a call, or a later one.
local function begin_call(s)
  local kept = s.kept
  local at = tonumber(ffi.cast(intptr, kept.slot))
  if at == s.at and runs == s.run then return end
  s.at, s.run = at, runs
  if s.C.tm_chain_draw(s.ctx, kept.slot) ~= 0 then error("not enough memory", 0) end
  local drawn = s.ctx.drawn
  s[1], s[2], s[3], s[4] = drawn[0], drawn[1], drawn[2], drawn[3]
  stir(s)
  stir(s)
  stir(s)
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
  if s.kept then begin_call(s) end
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

---Starts the stream that is drawn from anew, in a call with a key for the rest of the call; streams stay different.
function random.seed(seed)
  if type(seed) ~= "number" or seed ~= seed or seed == math.huge or seed == -math.huge then
    error("bad argument #1 to 'randomseed' (number expected, got " .. type(seed) .. ")", 2)
  end
  if current.kept then begin_call(current) end
  seed_stream(current, seed)
end

return random
