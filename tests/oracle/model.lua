-- The plain reference: a case's operators one behind the other, a row at a time. It knows SEMANTICS 1 to 8 and nothing of the engine.
local case = require "tests.oracle.case"

local model = {}

-- What the watermarks and statuses of the sources make together (section 6): gives the watermark to pass on, or nil.
local function new_valve(sources)
  local valve, channels = { last = -math.huge }, {}
  for i, name in ipairs(sources) do
    channels[i] = { watermark = -math.huge, status = "active", aligned = true }
    channels[name] = channels[i]
  end
  local function output(at)
    if at > valve.last then
      valve.last = at
      return at
    end
  end
  local function least()
    local at, any
    for _, c in ipairs(channels) do
      if c.status == "active" and c.aligned then at, any = math.min(at or math.huge, c.watermark), true end
    end
    return any and at or nil
  end
  local function any_active()
    for _, c in ipairs(channels) do if c.status == "active" then return true end end
    return false
  end
  local function greatest(status)
    local at = -math.huge
    for _, c in ipairs(channels) do if c.status == status then at = math.max(at, c.watermark) end end
    return at
  end
  local function count(status)
    local n = 0
    for _, c in ipairs(channels) do if c.status == status then n = n + 1 end end
    return n
  end
  function valve.watermark(name, at)
    local c = channels[name]
    if at <= c.watermark then return nil end
    c.watermark = at
    if c.watermark >= valve.last then c.aligned = true end
    local low = least()
    return low and output(low)
  end
  local function leave(c, status)
    local was = c.status
    c.status = status
    if was ~= "active" and status ~= "finished" then return nil end
    if any_active() then
      local low = least()
      return low and output(low)
    end
    if count("idle") > 0 then
      if was == "active" and c.watermark == valve.last or status == "finished" then return output(greatest("idle")) end
      return nil
    end
    return output(math.huge)
  end
  function valve.idle(name) return leave(channels[name], "idle") end
  function valve.finish(name) return leave(channels[name], "finished") end
  function valve.active(name)
    local c = channels[name]
    if c.status == "idle" then
      c.status = "active"
      c.aligned = c.watermark >= valve.last
    end
  end
  function valve.all_finished() return count("finished") == #channels end
  return valve
end

-- Two inputs of an operator are to each other as splits of a source (section 5): the least of those that are active, without waiting for
-- one that comes back; the greatest of the idle ones where none is; it never goes back.
local function new_inputs(sources)
  local inputs, last = {}, -math.huge
  for i, name in ipairs(sources) do
    inputs[i] = { watermark = -math.huge, status = "active" }
    inputs[name] = inputs[i]
  end
  local function tell()
    local least, greatest
    for _, input in ipairs(inputs) do
      if input.status == "active" then least = math.min(least or math.huge, input.watermark) end
      if input.status == "idle" then greatest = math.max(greatest or -math.huge, input.watermark) end
    end
    local at = least or greatest or math.huge
    if at <= last then return nil end
    last = at
    return at
  end
  local function put(name, status)
    inputs[name].status = status
    return tell()
  end
  return {
    watermark = function(name, at)
      inputs[name].watermark = math.max(inputs[name].watermark, at)
      return tell()
    end,
    idle = function(name) return put(name, "idle") end,
    finish = function(name) return put(name, "finished") end,
    active = function(name) if inputs[name].status == "idle" then put(name, "active") end end,
    all_finished = function()
      for _, input in ipairs(inputs) do if input.status ~= "finished" then return false end end
      return true
    end,
  }
end

local Run = {}
Run.__index = Run

function Run:emit_from(i, row, time)
  local node = self.nodes[i]
  if node then node.row(row, time) else self:put("out", row, time) end
end

function Run:put(sink, row)
  local rows = self.outputs[sink]
  rows[#rows + 1] = { row = row, tick = self.tick }
end

local function node_of(self, i, op, info)
  local out = {
    emit = function(row, time) self:emit_from(i + 1, row, time) end,
    side = function(tag, row, time) self:put(tag, row, time) end,
    now = function() return self.now end,
    watermark = function() return self.marks[i] end,
    dropped = function(name) self.late[name] = (self.late[name] or 0) + 1 end,
    tick = function() self.tick = self.tick + 1 end,
  }
  local object = case.operators[op.op].model(op, info, out)
  self.marks[i] = -math.huge
  local function method(name) return object[name] and function(...) return object[name](getmetatable(object) and object, ...) end end
  if not getmetatable(object) then return object end
  return { row = method("row"), watermark = method("watermark"), deadline = method("deadline"), clock = method("clock"),
    right = method("right"), rule = method("rule"), finish = method("finish") }
end

-- An operator passes a watermark on when it is done with it.
function Run:watermark(at)
  for i, node in ipairs(self.nodes) do
    self.marks[i] = at
    if node.watermark then node.watermark(at) end
  end
end

function Run:deadline()
  local at
  for _, node in ipairs(self.nodes) do
    local due = node.deadline and node.deadline()
    if due and (at == nil or due < at) then at = due end
  end
  return at
end

function Run:clock(ms)
  local target = self.now + ms
  while true do
    local at = self:deadline()
    if at == nil or at > target then break end
    -- With the input, the clock ends for those who wait for it: whether before what is due in this very millisecond is open.
    self.open = self.open or self.done
    if self.done then break end
    self.now = math.max(at, self.now)
    for _, node in ipairs(self.nodes) do if node.clock then node.clock(self.now) end end
  end
  self.now = target
end

function Run:finish(source)
  for _, name in ipairs(source and { source } or self.sources) do
    if not self.ended[name] then
      self.ended[name] = true
      local at = self.valve.finish(name)
      if at then self:watermark(at) end
    end
  end
  if self.done or not self.valve.all_finished() then return end
  self.done = true
  for _, node in ipairs(self.nodes) do
    if node.finish then node.finish() end
  end
end

function Run:step(step)
  local kind = step[1]
  self.tick = self.tick + 1
  if kind == "push" then
    self.valve.active(step[2])
    local way = step[2] == "b" and self.join
    for _, row in ipairs(step[3]) do
      local time = self.timed and row.ts or nil
      if way then self.nodes[self.joined][way](row, time) else self:emit_from(1, row, time) end
    end
  elseif kind == "watermark" then
    local at
    for _, name in ipairs(step[3] and { step[3] } or self.sources) do at = self.valve.watermark(name, step[2]) or at end
    if at then self:watermark(at) end
  elseif kind == "clock" then self:clock(step[2])
  elseif kind == "idle" then
    local at = self.valve.idle(step[2])
    if at then self:watermark(at) end
  else self:finish(step[2]) end
  if kind ~= "clock" then self:clock(0) end
end

---What each step gives: a list of tables sink -> list of { row =, tick = }, up to a step that the rules leave open; and rows
---dropped as late, by operator.
function model.run(c)
  local infos, sinks = case.infos(c), case.sinks(c)
  local self = setmetatable({ nodes = {}, marks = {}, now = c.now, tick = 0, sources = c.sources, valve = new_valve(c.sources), ended = {},
    timed = c.timed, outputs = {},
    late = {} }, Run)
  self.joined, self.join = case.joined(c)
  if self.joined then self.valve = new_inputs(c.sources) end
  for i, op in ipairs(c.operators) do self.nodes[i] = node_of(self, i, op, infos[i]) end
  local given = {}
  for n, step in ipairs(c.script) do
    for name in pairs(sinks) do self.outputs[name] = {} end
    self:step(step)
    given[n], self.outputs = not self.open and self.outputs or nil, {}
  end
  return given, self.late
end

return model
