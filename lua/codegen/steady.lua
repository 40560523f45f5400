-- The loop that long runs of rows take, of chunks whose loop was recorded while it idled (README.md, "Loops in user functions").
-- There each row goes through the head of the loop's trace and a trace of its own, which begins anew with whatever all rows have in
-- common: a third of what a short function takes. So where rows have no loops, the chunk has the same loop once more (chunk.lua), and
-- here it is recorded with a row in it, when the other has been compiled for some time. What cannot be recorded stays with the other.
--
-- A trace follows the row that was under way, and which rows are usual changes while state fills. So the loop is recorded again and
-- again, after ever more runs. Traces of the code around it lead to the old one as long as they live: each time it is a copy, with
-- bytecode of its own.
local heat = require "codegen.heat"
local util = require "jit.util"

local steady = {}

steady.FIRST, steady.FACTOR = 32, 4 -- runs until it is recorded first, and how many times more until it is again
local TRIES = 8    -- long runs in which it should have been compiled
local LATER = 16   -- runs until a long one is waited for again

local function copy_of(fn)
  local copy = loadstring(string.dump(fn))
  for i = 1, util.funcinfo(fn).upvalues do debug.upvaluejoin(copy, i, fn, i) end
  return copy
end

local function record(self)
  local s = self.steady
  s.left = 1 -- also if an error leaves the run
  if self.ctx.in_rows < heat.ROWS then
    s.left = LATER
    return (s.run(s.loop, s.row))
  end
  s.new = s.new or { loop = copy_of(s.of.loop), row = copy_of(s.of.row) }
  local rc = s.of.run(s.new.loop, s.new.row)
  s.tries = s.tries + 1
  local link = heat.link_of(s.new.loop)
  if link == "loop" then s.run, s.loop, s.row = s.of.run, s.new.loop, s.new.row end
  if link then s.new = nil end -- one that leads elsewhere is of no use, but another row may do better
  if link == "loop" or s.tries == TRIES then
    s.new, s.tries, s.left, s.next = nil, 0, s.next, s.next * steady.FACTOR
  end
  return rc
end
jit.off(record)

---What an instance runs when its chunk's loop is compiled.
---@param self table instance, with `steady` of steady.new
function steady.run(self)
  local s = self.steady
  s.left = s.left - 1
  if s.left == 0 then return (record(self)) end
  return (s.run(s.loop, s.row))
end

---@param chunk table what the text gave, with `steady`
function steady.new(chunk)
  return { of = chunk.steady, run = chunk.run, tries = 0, left = steady.FIRST,
    next = steady.FIRST * (steady.FACTOR - 1) }
end

return steady
