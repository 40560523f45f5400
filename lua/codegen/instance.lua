-- An instance of a chain in one subtask: what C runs once per batch. With types still unknown it keeps rows in tables
-- (interpret.lua) until they are settled; then it generates, loads and runs the chunk.
local ffi = require "ffi.init"
local accumulate = require "codegen.accumulate"
local chunk = require "codegen.chunk"
local heat = require "codegen.heat"
local interpret = require "codegen.interpret"
local pair = require "codegen.pairs"
local process = require "codegen.process"
local reduce = require "codegen.reduce"
local runtime = require "codegen.runtime"
local steady = require "codegen.steady"
local unknown = require "codegen.unknown"
local window = require "codegen.window"

local instance = {}

local Instance = {}
Instance.__index = Instance

-- The functions of C that chunks call; specs put their own here.
instance.C = nil

local function roles_of(node)
  return node.kind == "process" and process or node.kind == "window" and window or accumulate
end

---@param nodes table[] consecutive function nodes, one reduce, or one window with a custom aggregate
---@param ctx ffi.cdata* struct tm_chain_ctx *
---@param among table? { subtask =, count =, first = } see interpret.new; role = of a window's functions or a process; draws = the
---  stream of its calls, where these have keys (tidemill/random.lua)
function instance.new(nodes, ctx, among)
  local roles = among and among.role and roles_of(nodes[1])
  local self = setmetatable({ nodes = nodes, first = nodes[1], ctx = ctx, among = among or { subtask = 0, count = 1, first = false },
    proposal = nil }, Instance)
  if roles then
    local node = nodes[1]
    function self.look() self.nodes = roles.nodes(node, among.role) end
    self.look()
  end
  return self
end

---Generated text of nodes whose types are known.
function instance.generate(nodes)
  if nodes[1].kind == "reduce" then return reduce.generate(nodes[1]) end
  if nodes[1].kind == "pairs" then return pair.generate(nodes) end
  if nodes[1].kind == "window" then return accumulate.generate(nodes) end
  if nodes[1].kind == "process" then return process.generate(nodes) end
  return chunk.generate(nodes)
end

-- Operators that only see rows whose types are settled, and only as many at once as C groups together.
local function is_keyed(node) return node.kind ~= "function" end

local function generated(nodes)
  local text, plan = instance.generate(nodes)
  return { nodes = nodes, plan = plan, main = plan.main or assert(loadstring(text, "=tidemill:chain:" .. nodes[1].id)) }
end

-- What was generated ahead, by the first node, and by the role or how many nodes there are. One instance takes it, as its
-- functions are compiled, or given up, with what this one runs; where nothing is compiled all have it.
local ahead = setmetatable({}, { __mode = "k" })

local function take_ahead(self)
  local of = ahead[self.first]
  local key = self.among.role or #self.nodes
  local ready = of and of[key]
  if of and jit.status() then of[key] = nil end
  return ready
end

local function load_chunk(self)
  local ready = take_ahead(self) or generated(self.nodes)
  local nodes, main = ready.nodes, ready.main
  local R = runtime.new(nodes, self.ctx, instance.C or ffi.C, ready.plan, self.among.subtask)
  self.nodes, self.chunk, self.R = nodes, main(R), R
  if self.among.draws then self.among.draws.kept = R.kept end
  self.chunk.outcomes, self.chunk.rows = R.outcomes, R.rows
  self.heat = heat.new(nodes, main, self.chunk, is_keyed(nodes[1]))
  self.heat.restart = function() self.run = nil end
end

---Generates what an instance of these nodes will run, before there is one: for states that are kept as they are then.
---@param role string? as instance.new's
function instance.prepare(nodes, role)
  local first = nodes[1]
  if role then nodes = roles_of(first).nodes(first, role) end
  if unknown.any(nodes) then return end
  ahead[first] = ahead[first] or {}
  ahead[first][role or #nodes] = generated(nodes)
end

-- Interprets a few rows, so that another row than last time is under way when the loop gets hot.
local function skip_rows(self, count)
  local ctx = self.ctx
  local stop, rows, row = ctx.in_end, ctx.in_rows, ctx["in"]
  count = math.min(count, rows)
  -- What is merged does not lie in a row.
  local node = self.nodes[1]
  if node.role ~= "merge" and node.role ~= "periodic" and not node.apart then
    for _ = 1, count do row = row + ffi.cast("int32_t *", row)[0] end
  end
  ctx.in_end, ctx.in_rows = row, count
  local rc = self.chunk.run_interpreted()
  ctx.in_end, ctx.in_rows = stop, rows - (count - ctx.in_rows)
  return rc
end

-- A row of a window is all the rows that it holds: what gets hot is the loop of the job's function over those.
local HOLDS_BYTES = 16384
local function holds_many(self)
  return self.nodes[1].of_window == "rows" and tonumber(self.ctx.in_end - self.ctx["in"]) >= HOLDS_BYTES
end

local function run_chunk(self)
  local h = self.heat
  local large = not h.compiled and (self.ctx.in_rows >= heat.ROWS or holds_many(self))
  if large and h.again > 0 then
    local rc = skip_rows(self, h.again * 5)
    if rc ~= 0 then return rc end
  end
  local rc
  if heat.is_on(h, large) then rc = self.chunk.run() else rc = self.chunk.run_interpreted() end
  if heat.after(h, large) then
    if self.chunk.steady then self.run, self.steady = steady.run, steady.new(self.chunk) else self.run = self.chunk.run end
  end
  return rc
end

---Runs over ctx.in .. in_end. 0: done, 1: the output is full, 2: types must be settled (self.proposal), negative: stop.
function Instance:run()
  if self.chunk then return run_chunk(self) end
  if self.look then self.look() end -- types may have been settled since
  if self.tables or unknown.any(self.nodes) then
    if is_keyed(self.nodes[1]) then return 0 end -- no row can have come yet
    self.tables = self.tables or interpret.new(self.nodes, self.ctx, instance.C or ffi.C, self.among)
    local rc = self.tables:run()
    self.proposal = self.tables.proposal
    if rc ~= 0 or not self.tables.finished then return rc end
    self.tables = nil
  end
  load_chunk(self)
  return run_chunk(self)
end

---At the end of input: types that no row has shown are settled. As run; 3: as 0, and self.proposal is for the others.
function Instance:finish()
  if self.chunk or is_keyed(self.nodes[1]) or not (self.tables or unknown.any(self.nodes)) then return 0 end
  self.tables = self.tables or interpret.new(self.nodes, self.ctx, instance.C or ffi.C, self.among)
  local rc = self.tables:finish()
  self.proposal = self.tables.proposal
  if rc == 0 and self.tables.finished then self.tables = nil end
  return rc
end

---After an error that left the chunk: it is the failure of the row under way, and of what follows it nothing has run.
---@param err any what was raised
---@param k integer ctx.under_way, which the caller has set back
---@return integer rc 0: run again for the rows behind it; negative: stop
function Instance:recover(err, k)
  local ctx, cur, tally = self.ctx, self.R.cur, self.R.tally
  local done, at, row = 1, ffi.cast("uint8_t *", ctx["in"]), ffi.cast("uint8_t *", cur.row)
  while at ~= row do done, at = done + 1, at + ffi.cast("int32_t *", at)[0] end
  if self.chunk.begun and self.chunk.begun() ~= done then error(err, 0) end -- no row is under way
  if self.chunk.undo then self.chunk.undo() end
  -- If an operator behind a flat_map has stopped the job, the error only left the function that emitted.
  if tally.stop == 0 then self.R.fail(k - 1, err) end
  tally["active_" .. k], self.R.scope.strings = 0, false
  cur.row = ffi.cast(self.R.in_pointer, row + cur.row.size_bytes)
  self.chunk.settle(done)
  local rc = tally.stop
  tally.stop = 0
  return rc
end

-- What runs before the loop is compiled stays out of the compiler's sight. No protected call stands between C and the
-- loop: a trace that leaves the loop could not return through it.
for _, fn in ipairs { Instance.run, Instance.recover, run_chunk, skip_rows, holds_many, heat.is_on, heat.after } do jit.off(fn) end

return instance
