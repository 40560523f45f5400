-- Windows with aggregates: SEMANTICS 1 to 4 word by word. Every window keeps all of its rows, and every result is computed anew.
local evictors = require "tests.oracle.evictors"
local expr = require "tests.oracle.expr"
local stateless = require "tests.oracle.families.stateless"
local triggers = require "tests.oracle.triggers"
local timers = require "tests.oracle.timers"
local keys = require "tests.oracle.keys"
local results = require "tests.oracle.results"

local windows = {}

-- --- which windows ------------------------------------------------------------------------------------------------------

-- Section 1: the start of the window of `size` that a time lies in.
local function start_of(at, size, offset)
  local r = math.fmod(at - offset, size)
  return r < 0 and at - (r + size) or at - r
end

local function sliding(op, at)
  local found, s = {}, start_of(at, op.slide, op.offset)
  while s > at - op.size do
    found[#found + 1] = { first = s, last = s + op.size - 1 }
    s = s - op.slide
  end
  return found
end

local function cumulate(op, at)
  local found, s = {}, start_of(at, op.size, op.offset)
  local stop = start_of(at, op.slide, op.offset) + op.slide
  while stop <= s + op.size do
    found[#found + 1] = { first = s, last = stop - 1 }
    stop = stop + op.slide
  end
  return found
end

local ASSIGN = {
  tumbling = function(op, at) return sliding({ size = op.size, slide = op.size, offset = op.offset }, at) end,
  sliding = sliding,
  cumulate = cumulate,
  session = function(op, at, row)
    return { { first = at, last = at + (op.gap and expr.value(op.gap, row) or op.size) - 1 } }
  end,
  global = function() return { { first = -math.huge, last = math.huge } } end,
}

-- --- the operator ---------------------------------------------------------------------------------------------------------

local function is_event(op) return not op.processing and op.kind ~= "global" end

local function default_trigger(op)
  return { kind = op.processing and "processing_time" or "event_time" }
end

local function cleanup_of(op, w) return w.last + (op.processing and 0 or op.lateness or 0) end

-- Sessions that touch become one (section 3); gives the window that the new one has become a part of.
local function merged(self, list, new)
  local touching, first, last = {}, new.first, new.last
  for _, w in ipairs(list) do
    if w.first <= new.last + 1 and w.last + 1 >= new.first then
      touching[#touching + 1] = w
      first, last = math.min(first, w.first), math.max(last, w.last)
    end
  end
  if #touching == 0 then
    list[#list + 1] = new
    return new
  end
  local kept = touching[1]
  if #touching == 1 and kept.first == first and kept.last == last then return kept end
  local w = { first = first, last = last, rows = {}, state = {} }
  for _, old in ipairs(touching) do
    for _, row in ipairs(old.rows) do w.rows[#w.rows + 1] = row end
    old.gone = true
  end
  table.sort(w.rows, function(a, b) return a.number < b.number end)
  for i = #list, 1, -1 do if list[i].gone then table.remove(list, i) end end
  list[#list + 1] = w
  triggers.call(self.trigger, "merge", w, self:world(w, touching[1].key), touching)
  for _, old in ipairs(touching) do self.timers:forget(old) end
  w.key = touching[1].key
  return w
end

local Operator = {}
Operator.__index = Operator

function Operator:world(w, key)
  return {
    now = self.out.now(), watermark = self.out.watermark(),
    timer = function(domain, at) self.timers:add(domain, at, key, "", w) end,
    delete = function(domain, at) self.timers:remove(domain, at, key, "", w) end,
  }
end

function Operator:fire(w, result)
  if result and result ~= "forget" and #w.rows > 0 then
    local rows = {}
    evictors.evict(self.op.evict, w.rows, false)
    for i, kept in ipairs(w.rows) do rows[i] = kept.row end
    local of, bounded = { keys = {}, first = w.first, last = w.last, calls = self.live[w.key].calls, window = w }, self.op.kind ~= "global"
    of.bounded = bounded
    for _, name in ipairs(self.keys) do of.keys[name] = rows[1][name] end
    for _, row in ipairs(results.rows(self.op.result, of, rows, self.columns)) do self.out.emit(row, bounded and w.last or nil) end
    evictors.evict(self.op.evict, w.rows, true)
  end
  if result == "purge" or result == "forget" then w.rows = {} end
end

local function find(list, new)
  for _, w in ipairs(list) do if w.first == new.first and w.last == new.last then return w end end
  list[#list + 1] = new
  return new
end

-- Section 2, "order on element".
function Operator:row(row, time)
  local op, key = self.op, keys.text(self.keys, row, self.columns)
  local event, watermark = is_event(op), self.out.watermark()
  local at = op.processing and self.out.now() or time
  self.out.tick()
  self.live[key] = self.live[key] or { calls = {} }
  self.count = self.count + 1
  local assigned = ASSIGN[op.kind](op, at, row)
  local skipped = true
  for _, new in ipairs(assigned) do
    new.rows, new.state, new.key = {}, {}, key
    local w
    if op.kind == "session" then
      w = merged(self, self.live[key], new)
    elseif not (event and cleanup_of(op, new) <= watermark) then
      w = find(self.live[key], new)
    end
    if w and event and cleanup_of(op, w) <= watermark then
      self:forget(w)
      w = nil
    end
    if w then
      skipped = false
      w.rows[#w.rows + 1] = { row = row, number = self.count, time = time }
      self:fire(w, triggers.call(self.trigger, "element", w, self:world(w, key), at, row))
      if cleanup_of(op, w) < math.huge then
        self.timers:add(op.processing and "processing" or "event", cleanup_of(op, w), key, "", w)
      end
    end
  end
  if skipped and event and at + (op.lateness or 0) <= watermark then
    if op.late then self.out.side("late", row, time) else self.out.dropped(op.name) end
  end
end

function Operator:forget(w)
  self.timers:forget(w)
  for i, other in ipairs(self.live[w.key]) do
    if other == w then
      table.remove(self.live[w.key], i)
      return
    end
  end
end

-- Section 2, "order on timer".
function Operator:timer(timer)
  local w, domain = timer.of, timer.domain
  self:fire(w, triggers.call(self.trigger, domain, w, self:world(w, timer.key), timer.at))
  if domain == (self.op.processing and "processing" or "event") and timer.at == cleanup_of(self.op, w) then self:forget(w) end
end

-- Of several windows of a key that one time makes fire, nothing says which is first.
function Operator:due(domain, until_)
  local at
  for timer in self.timers:due(domain, until_) do
    if timer.at ~= at then self.out.tick() end
    at = timer.at
    self:timer(timer)
  end
end

function Operator:watermark(at) self:due("event", at) end

function Operator:deadline() return self.timers:deadline() end

function Operator:clock(now) self:due("processing", now - 1) end

-- --- windows of counted rows ------------------------------------------------------------------------------------------------

local function counted(op, info, out)
  local live = {}
  return { row = function(row)
    out.tick()
    local key = keys.text(info.keys, row, info.columns)
    local w = live[key] or { rows = {}, since = 0, calls = {} }
    live[key] = w
    w.rows[#w.rows + 1] = row
    w.since = w.since + 1
    if w.since < (op.slide or op.size) then return end
    w.since = 0
    while #w.rows > op.size do table.remove(w.rows, 1) end
    local of = { keys = {}, calls = w.calls }
    for _, name in ipairs(info.keys) do of.keys[name] = row[name] end
    for _, made in ipairs(results.rows(op.result, of, w.rows, info.columns)) do out.emit(made, nil) end
    if not op.slide then w.rows = {} end
  end }
end

-- --- as an operator of a case ---------------------------------------------------------------------------------------------

local function draw_bounds(random, op)
  local size = random:pick { 10, 20, 30, 50, 100 }
  if op.kind == "session" then op.size = random:pick { 3, 8, 10, 25, 60 } end
  if op.kind == "tumbling" then op.size, op.slide = size, size end
  if op.kind == "cumulate" then
    op.slide = random:pick { 5, 10, 20 }
    op.size = op.slide * random:int(1, 5)
  end
  if op.kind == "sliding" then op.size, op.slide = size, random:pick { 5, 7, 10, 20, 30, 60 } end
  local most = op.kind == "cumulate" and op.size - 1 or 4 -- below the time after which windows repeat
  op.offset = op.kind ~= "session" and random:chance(30) and random:int(-most, most) or 0
end

local function draw(random, info, context)
  if not info.keys then return nil end
  local kinds = { { 1, "global" }, { 1, "count" } }
  if not info.order then kinds = {} end
  if info.timed or context.steps then
    for _, kind in ipairs { "tumbling", "sliding", "cumulate" } do kinds[#kinds + 1] = { 3, kind } end
    -- Which late rows a session takes depends on what has come before them; files have no late rows.
    if info.order or not context.steps then kinds[#kinds + 1] = { 3, "session" } end
  end
  if #kinds == 0 then return nil end
  local op = { op = "window", kind = random:weighted(kinds), name = context.fresh("window"), offset = 0 }
  if op.kind == "count" then
    op.size = random:int(1, 5)
    if random:chance(60) then op.slide = random:int(1, 6) end
  elseif op.kind == "global" then
    op.trigger = triggers.draw(random, op, context.steps, info)
  else
    op.processing = context.steps and (not info.timed or random:chance(20)) or nil
    draw_bounds(random, op)
    if op.kind == "session" and random:chance(25) then
      op.gap = { "add", { "mod", expr.draw_int(random, info.columns, 1), { "const", random:pick { 5, 20, 60 } } }, { "const", 1 } }
    end
    if random:chance(35) then -- nothing said: windows of event time that are made of slices
      op.result = results.draw(random, info, op, context)
      return op
    end
    if info.order and random:chance(50) then op.trigger = triggers.draw(random, op, context.steps, info) end
    if not op.processing and context.steps and info.order and random:chance(50) then op.lateness = random:pick { 1, 5, 10, 40 } end
    if not op.processing and random:chance(40) then op.late = context.steps and context.fresh("late") or nil end
  end
  if op.kind ~= "count" and info.order and random:chance(20) then op.evict = evictors.draw(random, info) end
  op.result = results.draw(random, info, op, context)
  return op
end

-- Without an order of rows, only what does not depend on it.
local function needs_order(op)
  return op.kind == "global" or op.kind == "count" or (op.lateness or 0) > 0 or triggers.own(op.trigger) or op.evict ~= nil
end

-- Can a key have several results at once, in no order?
local function results_at_once(op)
  if op.kind == "sliding" or op.kind == "cumulate" then return (op.lateness or 0) > 0 or triggers.own(op.trigger) end
  return triggers.by_clock(op.trigger) and not op.processing
end

windows.window = {
  draw = draw,
  after = function(op, info)
    local by_time = op.kind ~= "global" and op.kind ~= "count" and not op.processing
    if not info.keys or by_time and (not info.timed or info.untold) or needs_order(op) and not info.order then return nil end
    if op.trigger and not triggers.fits(op.trigger, info) or op.evict and not evictors.fits(op.evict, info) then return nil end
    if op.gap and not expr.fits(op.gap, info.columns) then return nil end
    local columns = results.columns(op.result, op, info)
    if not columns then return nil end
    return stateless.with(info, { columns = columns, order = not results_at_once(op) and info.keys or false,
      timed = info.timed and op.kind ~= "global" and op.kind ~= "count",
      untold = info.untold or windows.window.by_clock(op) })
  end,
  text = function(op, info)
    local bounds
    if op.kind == "global" then bounds = "" end
    if op.kind == "count" then bounds = op.slide and ("%d, %d"):format(op.size, op.slide) or tostring(op.size) end
    if not bounds then
      bounds = (op.kind == "sliding" or op.kind == "cumulate") and ("%d, %d"):format(op.size, op.slide) or tostring(op.size)
      if op.gap then bounds = ("function(e) return %s end"):format(expr.text(op.gap, "e")) end
      local options = {}
      if op.offset ~= 0 then options[1] = ("offset = %d"):format(op.offset) end
      if op.processing then options[#options + 1] = "processing = true" end
      if #options > 0 then bounds = bounds .. ", { " .. table.concat(options, ", ") .. " }" end
    end
    return ("\n  :window(tm.%s(%s))%s%s%s%s\n  %s"):format(op.kind == "count" and "count_window" or op.kind, bounds,
      op.lateness and (":allowed_lateness(%d)"):format(op.lateness) or "",
      op.late and (":late(%q)"):format(op.late) or "",
      op.trigger and (":trigger(%s)"):format(triggers.text(op.trigger)) or "",
      op.evict and (":evict(%s)"):format(evictors.text(op.evict)) or "", results.text(op.result, op, info))
  end,
  sides = function(op, info) return op.late and { [op.late] = { columns = info.columns } } or {} end,
  model = function(op, info, out)
    if op.kind == "count" then return counted(op, info, out) end
    local side = out.side
    local own = setmetatable({ side = function(_, row, time) side(op.late, row, time) end }, { __index = out })
    return setmetatable({ op = op, out = own, keys = info.keys, columns = info.columns,
      trigger = op.trigger or default_trigger(op), live = {}, count = 0, timers = timers.new() }, Operator)
  end,
  by_clock = function(op) return op.processing or triggers.by_clock(op.trigger) end,
}

return { operators = windows }
