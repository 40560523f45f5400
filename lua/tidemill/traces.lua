-- What the trace compiler does in this lua_State: counts of traces started, compiled, aborted, of loops given up for
-- good (blacklisted) and of flushes. Costs nothing but at those events.
local util = require "jit.util"

local traces = {}

local counts = { started = 0, compiled = 0, aborted = 0, blacklisted = 0, flushed = 0 }
traces.counts = counts

---@type fun()? called when all traces are gone: a limit of the compiler was reached
traces.on_flush = nil

local function opcode(fn, pc) return bit.band(util.funcbc(fn, pc), 0xff) end

-- A loop or function that was given up has had its first instruction patched to the one that follows it in LuaJIT's
-- numbering: FORL to IFORL, ITERL to IITERL, LOOP to ILOOP, FUNCF to IFUNCF, FUNCV to IFUNCV. The numbers differ
-- between versions, so they are read from samples; LOOP stands as far behind ITERL as that behind FORL.
local function given_up_opcodes()
  local numeric = loadstring("return function() for _ = 1, 2 do end end")()
  local generic = loadstring("return function(f) for _ in f do end end")()
  local forl = opcode(numeric, util.funcinfo(numeric).bytecodes - 2)
  local iterl = opcode(generic, util.funcinfo(generic).bytecodes - 2)
  return {
    [forl + 1] = true, [iterl + 1] = true, [2 * iterl - forl + 1] = true,
    [opcode(loadstring("return function() end")(), 0) + 1] = true,
    [opcode(loadstring("return function(...) end")(), 0) + 1] = true,
  }
end

local given_up, start_fn, start_pc

local function event(what, _, fn, pc)
  if what == "start" then
    counts.started = counts.started + 1
    start_fn, start_pc = fn, pc
  elseif what == "stop" then
    counts.compiled = counts.compiled + 1
  elseif what == "flush" then
    counts.flushed = counts.flushed + 1
    if traces.on_flush then traces.on_flush() end
  elseif what == "abort" then
    counts.aborted = counts.aborted + 1
    local known, instruction = pcall(util.funcbc, start_fn, start_pc) -- the penalty was given before this event
    if known and instruction and given_up[bit.band(instruction, 0xff)] then
      counts.blacklisted = counts.blacklisted + 1
    end
    start_fn = nil
  end
end

---Begins to count. Once per lua_State.
function traces.attach()
  given_up = given_up_opcodes()
  jit.attach(event, "trace")
end

return traces
