-- When generated code and user functions may be compiled (ARCHITECTURE D2). A loop that LuaJIT meets first with batches of one
-- or two rows is given up for good, so everything starts switched off, and a chain is switched on by its first batch of 64
-- rows or more. Until its loop is seen compiled, smaller batches go through a second loop that is never compiled.
local opcodes = require "codegen.opcodes"
local util = require "jit.util"

local heat = {}

heat.ROWS = 64      -- a batch that may start compilation
local TRIES = 50    -- large batches after which small ones are let in whatever the compiler did

-- User functions are shared by the instances of an operator; one that is compiled stays so for all.
local on = setmetatable({}, { __mode = "k" })
local cold = setmetatable({}, { __mode = "k" }) -- instances not yet switched on -> their functions

local function functions_of(nodes)
  local list, seen = {}, {}
  local function add(fn)
    if type(fn) == "function" and not seen[fn] and not util.funcinfo(fn).ffid then
      seen[fn] = true
      list[#list + 1] = fn
    end
  end
  for _, node in ipairs(nodes) do
    add(node.fn)
    for _, a in ipairs(node.assigns or {}) do add(a.fn) end
    -- What the script's functions call, as far as the analysis followed.
    local c = node.codegen or {}
    for _, fn in ipairs(c.analysis and c.analysis.functions or {}) do add(fn) end
    for _, a in ipairs(c.assigns or {}) do for _, fn in ipairs(a.analysis.functions) do add(fn) end end
  end
  return list
end

---@param nodes table[]
---@param main function the loaded chunk: all its functions are its children
---@param parts table { loop, loop_interpreted } of the chunk
---@param gather boolean rows of small batches add up: reduce is entered with as many rows as have different keys
function heat.new(nodes, main, parts, gather)
  local h = { functions = functions_of(nodes), main = main, parts = parts, hot = false, compiled = false, tries = 0, gather = gather, gathered = 0 }
  jit.off(main, true)
  local warm = false
  for _, fn in ipairs(h.functions) do
    if on[fn] then warm = true else jit.off(fn, true) end
  end
  if warm then heat.warm(h) end
  cold[h] = true
  return h
end

-- Functions that compiled code of another instance shares with this one must not meet functions that are switched off:
-- that would make the compiler give them up. Only the loops stay off.
function heat.warm(h)
  jit.on(h.main, true)
  jit.off(h.parts.loop)
  jit.off(h.parts.loop_interpreted)
end

function heat.ignite(h)
  for _, fn in ipairs(h.functions) do
    if not on[fn] then
      jit.off(fn, true) -- flushes what was compiled and what was given up
      on[fn] = true
    end
    jit.on(fn, true)
  end
  jit.off(h.main, true)
  jit.on(h.main, true)
  jit.off(h.parts.loop_interpreted)
  cold[h], h.hot = nil, true
  for other in pairs(cold) do
    for _, fn in ipairs(other.functions) do
      if on[fn] then
        heat.warm(other)
        break
      end
    end
  end
end

-- Is the loop's last instruction a jump into a trace?
local function is_compiled(fn)
  if opcodes.unknown then return false end
  for pc = util.funcinfo(fn).bytecodes - 1, 1, -1 do
    if opcodes.name_at(fn, pc) == "JFORL" then return true end
  end
  return false
end

---The loop for a batch.
---@param large boolean the batch has heat.ROWS rows or more
function heat.loop(h, large)
  if not h.hot then
    if h.gather then h.gathered = h.gathered + 1 end
    if large or h.gathered >= heat.ROWS then heat.ignite(h) end
  end
  if h.hot and (large or h.compiled) then return h.parts.loop end
  return h.parts.loop_interpreted
end

---After a run of a loop: true once it is compiled, or once it is clear that it will not be.
function heat.after(h, large)
  if h.hot and large then
    h.tries = h.tries + 1
    h.compiled = h.tries >= TRIES or is_compiled(h.parts.loop)
  end
  return h.compiled
end

return heat
