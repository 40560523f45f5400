-- Memory for nested values that user code makes: a value is written at the end of a block, and moves to a larger one while it
-- grows; once it is whole it stays where it is until another row is under way. Then the largest block is used anew.
local ffi = require "ffi.init"
local views = require "codegen.views"

local arena = {}

arena.SLACK_BYTES = 32
local FIRST_BYTES, VALUE_BYTES_MAX = 64 * 1024, 64 * 1024 * 1024

-- base: where the value being written begins; used, room: bytes from there. A pointer to a struct: Lua code on many sides
-- writes it.
ffi.cdef [[struct tm_lua_arena { uint8_t *base; int32_t used; int32_t room; double row; };]]
local struct = ffi.new("struct tm_lua_arena")
local A = ffi.cast("struct tm_lua_arena *", struct)
arena.state = A

local blocks, current, current_size = { struct }, nil, 0 -- `blocks` keeps them all alive
local count = 0 -- of blocks, without the struct
arena.blocks = blocks

local function add_block(size)
  current, current_size = ffi.new("uint64_t[?]", size / 8), size
  count = count + 1
  blocks[count + 1] = current
end

-- All blocks but the last.
local function forget()
  for i = 2, count + 1 do blocks[i] = nil end
  blocks[2], count = current, 1
end

-- A larger block, with what has been written of the value so far.
local function grow(more)
  local need = A.used + more
  if need > VALUE_BYTES_MAX then
    require("codegen.problem").raise("LIMIT", "a list, map, struct or any value takes more than 64 MB")
  end
  local size = math.max(FIRST_BYTES, 2 * current_size)
  while size < need do size = size * 2 end
  local from, used = A.base, A.used
  add_block(size)
  A.base, A.room = ffi.cast("uint8_t *", current), size
  ffi.copy(A.base, from, used)
end

---Begins a value.
function arena.begin()
  if A.row ~= views.clock.row or current == nil then
    A.row = views.clock.row
    if current == nil then add_block(FIRST_BYTES) end
    if count > 1 then forget() end
    A.base, A.room = ffi.cast("uint8_t *", current), current_size
  else
    local used = bit.band(A.used + 7, -8)
    A.base, A.room = A.base + used, A.room - used
  end
  A.used = 0
end

---Room for `size` zeroed bytes, at a multiple of 8. Gives their offset from the value's begin.
function arena.open(size)
  local at = bit.band(A.used + 7, -8)
  local past = at + size
  if past + 8 > A.room then grow(past + 8 - A.used) end
  ffi.fill(A.base + A.used, past - A.used)
  A.used = past
  return at
end

---To a multiple of 8.
function arena.pad()
  local past = bit.band(A.used + 7, -8)
  if past + 8 > A.room then grow(past + 8 - A.used) end
  ffi.fill(A.base + A.used, past - A.used)
  A.used = past
end

---So many bytes from the value's begin, and some behind them, can be written.
function arena.ensure(size)
  if size + arena.SLACK_BYTES > A.room then grow(size + arena.SLACK_BYTES - A.used) end
end

---Room for `size` bytes that the caller writes. Gives their offset.
function arena.reserve(size)
  local at = A.used
  if at + size + 8 > A.room then grow(size + 8) end
  A.used = at + size
  return at
end

---The bytes of a string.
function arena.text(s)
  local at = A.used
  local n = #s
  if at + n + 8 > A.room then grow(n + 8) end
  ffi.copy(A.base + at, s, n)
  A.used = at + n
  return at
end

return arena
