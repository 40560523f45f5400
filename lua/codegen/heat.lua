-- When generated code and user functions may be compiled (ARCHITECTURE D2). A loop that LuaJIT meets first with
-- batches of one or two rows is given up for good, so everything starts switched off, and a chain is switched on by
-- its first batch of 64 rows or more. Until its loop is seen compiled, smaller batches go through a second loop that
-- is never compiled.
local ffi = require "ffi"
local opcodes = require "codegen.opcodes"
local traces = require "tidemill.traces"
local util = require "jit.util"

local heat = {}

heat.ROWS = 64      -- a batch that may start compilation
local TRIES = 50    -- large batches after which small ones are let in whatever the compiler did
local AGAIN = 8      -- times a loop is recorded anew because its trace followed an unusual row

-- User functions are shared by the instances of an operator; one that is compiled stays so for all.
local on = setmetatable({}, { __mode = "k" })
local cold = setmetatable({}, { __mode = "k" }) -- instances not yet switched on
local hot = setmetatable({}, { __mode = "k" })  -- the others

-- Functions of ours that all chains call: operators of decimals and int64 values, conversions, views, writers of nested values.
-- Called from a function that is switched off, one that gets hot is given up, because its trace ends where it returns; so they
-- are off too from the first chain on until one is switched on, and from then on no function that calls them is off. One that got
-- hot on its own has a trace of its own, and a loop recorded then may end by jumping there; so they start afresh when a loop is
-- recorded.
local shared, ignited = {}, false
local all_shared = false -- there is a chain

---Of a loaded text, or of one function; once per function.
---@param fn function with its children
function heat.share(fn)
  shared[#shared + 1] = fn
  if all_shared and not ignited then jit.off(fn, true) end
end

local found = {} -- of those that are found by what they call

local function share_deep(fn, depth)
  if type(fn) ~= "function" or found[fn] or util.funcinfo(fn).ffid or depth > 4 then return end
  found[fn] = true
  heat.share(fn)
  for i = 1, util.funcinfo(fn).upvalues do
    local _, value = debug.getupvalue(fn, i)
    share_deep(value, depth + 1)
  end
end

-- The helper functions that the job has named by now (lua/library).
local function share_library()
  for name, module in pairs(package.loaded) do
    if type(module) == "table" and name:find("^library%.") then
      for _, fn in pairs(module.functions or {}) do share_deep(fn, 1) end
      if module.all then for _, fn in ipairs(module.all()) do share_deep(fn, 1) end end
    end
  end
end

local function share_all()
  all_shared = true
  for _, fn in ipairs(shared) do jit.off(fn, true) end
  for _, module in ipairs { "codegen.decimal", "codegen.int64" } do
    for _, fn in pairs(require(module).operators) do share_deep(fn, 1) end
  end
  for _, name in ipairs { "codegen.fit", "codegen.views", "codegen.records", "codegen.arena", "codegen.any", "codegen.any_writer",
    "codegen.slice", "tidemill.libraries" } do
    for _, fn in pairs(require(name)) do share_deep(fn, 1) end
  end
  local codegen, random = require "codegen", require "tidemill.random"
  for _, fn in ipairs { codegen.pairs, codegen.ipairs, codegen.copy, random.random, random.at_row } do share_deep(fn, 1) end
end

local with_library = false -- the job's helper functions are shared too

---Before the first chain. What there is without a job can be shared before there is one.
---@param job boolean there is one
function heat.prepare(job)
  if not all_shared then share_all() end
  if not job or with_library then return end
  with_library = true
  share_library()
end

local function flush_shared()
  share_library()
  for _, fn in ipairs(shared) do
    jit.flush(fn, true)
    jit.on(fn, true) -- what was given up is tried again
  end
  ignited = true
end
-- Run a few times in a chain's life: traces of their own would only be in the way.
for _, fn in ipairs { share_deep, share_library, share_all, heat.prepare, flush_shared } do jit.off(fn) end

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
    if node.codegen then add(node.codegen.flat) end
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
---@param parts table { loop, idle?, interpreted } of the chunk, `interpreted` are never compiled; { outcomes, rows } of the instance:
---how rows end
---@param gather boolean rows of small batches add up: reduce is entered with as many rows as have different keys
function heat.new(nodes, main, parts, gather)
  local h = { functions = functions_of(nodes), main = main, parts = parts, hot = false, compiled = false, tries = 0, again = 0,
    gather = gather, gathered = 0, never = not jit.status() }
  jit.off(main, true)
  heat.prepare(true)
  for _, fn in ipairs(h.functions) do if not on[fn] then jit.off(fn, true) end end
  if ignited then heat.warm(h) end
  cold[h] = true
  return h
end

-- Functions that compiled code of another instance shares with this one - ours, or the user's - must not meet functions that are
-- switched off: that would make the compiler give them up. Only the loops stay off.
function heat.warm(h)
  for _, fn in ipairs(h.functions) do jit.on(fn, true) end
  jit.on(h.main, true)
  jit.off(h.parts.loop)
  for _, fn in ipairs(h.parts.interpreted) do jit.off(fn) end
  h.warm = true
end

---All traces are gone: loops must be recorded again under the same conditions as at first, before small batches meet them.
function heat.flushed()
  for h in pairs(hot) do
    h.compiled, h.tries, h.again = false, 0, 0
    if h.restart then h.restart() end
  end
end
traces.on_flush = heat.flushed

-- What LuaJIT holds against loops and functions that it has tried goes away only with all of its traces; other chains record
-- theirs again, within milliseconds.
function heat.ignite(h)
  jit.flush()
  heat.flushed()
  for _, fn in ipairs(h.functions) do
    if not on[fn] then
      jit.off(fn, true) -- flushes what was compiled and what was given up
      on[fn] = true
    end
    jit.on(fn, true)
  end
  flush_shared()
  jit.off(h.main, true)
  jit.on(h.main, true)
  for _, fn in ipairs(h.parts.interpreted) do jit.off(fn) end
  cold[h], hot[h], h.hot = nil, true, true
  for other in pairs(cold) do if not other.warm then heat.warm(other) end end
end

-- The number of the trace that runs the loop, if it is compiled.
local function trace_of(fn)
  if opcodes.unknown then return nil end
  for pc = 1, util.funcinfo(fn).bytecodes - 1 do
    local name, operand = opcodes.name_at(fn, pc)
    if name == "JFORL" and util.traceinfo(operand) then return operand end
  end
end

-- A trace follows the row that was under way when it was recorded. If that was filtered and most rows are not, or the
-- other way round, most rows would leave the trace at once. What a trace does with its row shows in the counters that
-- it touches.
local function touches(trace, address)
  local info = util.traceinfo(trace)
  for ref = 1, info.nins - 1 do
    local mode, _, op = util.traceir(trace, ref)
    if mode and op and op < 0 and bit.band(mode, 3) == 0 then
      local k = util.tracek(trace, op)
      if type(k) == "userdata" then k = ffi.cast("int64_t", ffi.cast("intptr_t", k)) end
      if type(k) == "cdata" and ffi.istype("int64_t", k) and k == address then return true end
    end
  end
  return false
end

-- Does the loop's trace follow a usual row?
local function is_usual(h, trace)
  if not h.parts.outcomes then return true end
  local most, recorded, rest = 0, nil, h.parts.rows()
  for _, outcome in ipairs(h.parts.outcomes) do
    local count = outcome.count()
    rest = rest - count
    most = math.max(most, count)
    if not recorded and touches(trace, outcome.address) then recorded = count end
  end
  return (recorded or rest) * 2 >= math.max(most, rest)
end

---The kind of trace that runs the loop of a function; nil: none.
function heat.link_of(fn)
  local trace = trace_of(fn)
  return trace and util.traceinfo(trace).linktype
end

local function is_compiled(h)
  local trace = trace_of(h.parts.loop)
  if not trace then return false end
  if h.parts.idle then return true end -- it was recorded without a row
  if h.again >= AGAIN or (util.traceinfo(trace).linktype == "loop" and is_usual(h, trace)) then return true end
  h.again = h.again + 1
  flush_shared()
  jit.off(h.parts.loop) -- flushes its traces
  jit.on(h.parts.loop)
  return false
end

---May this batch run through the loop that is compiled?
---@param large boolean the batch has heat.ROWS rows or more
function heat.is_on(h, large)
  if h.never then return false end -- nothing is compiled in this state
  if not h.hot then
    if h.gather then h.gathered = h.gathered + 1 end
    if large or h.gathered >= heat.ROWS then heat.ignite(h) end
  end
  if h.hot and h.parts.idle and not h.compiled then
    h.parts.idle()
    h.compiled = is_compiled(h)
  end
  return h.hot and (large or h.compiled)
end

---After a run of a loop: true once it is compiled, or once it is clear that it will not be.
function heat.after(h, large)
  if h.hot and large then
    h.tries = h.tries + 1
    h.compiled = h.tries >= TRIES or is_compiled(h)
  end
  return h.compiled
end

return heat
