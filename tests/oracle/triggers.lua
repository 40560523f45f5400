-- Triggers of windows, as the table of SEMANTICS 4 has them: plain objects with a state for each window.
--
-- A trigger is { kind =, ... }, perhaps around another one. world: { now, watermark, timer(domain, at), delete(domain, at) } of the
-- window `w` = { first =, last =, state = }; w.last is its last millisecond, math.huge of a window without an end.
-- What happens gives "fire", "purge" with it, "forget" without it, or nothing.
local expr = require "tests.oracle.expr"

local triggers = {}

local KINDS = {}

local function call(trigger, what, ...)
  local method = KINDS[trigger.kind][what]
  if method then return method(trigger, ...) end
end

KINDS.event_time = {
  element = function(_, w, world)
    if w.last <= world.watermark then return "fire" end
    world.timer("event", w.last)
  end,
  event = function(_, w, _, at) return at == w.last and "fire" or nil end,
  merge = function(_, w, world) if w.last > world.watermark then world.timer("event", w.last) end end,
}

KINDS.processing_time = {
  element = function(_, w, world) world.timer("processing", w.last) end,
  processing = function() return "fire" end,
  merge = function(_, w, world) if w.last > world.now then world.timer("processing", w.last) end end,
}

KINDS.count = {
  element = function(t, w)
    w.state.count = (w.state.count or 0) + 1
    if w.state.count >= t.n then
      w.state.count = nil
      return "fire"
    end
  end,
  merge = function(_, w, _, merged)
    for _, m in ipairs(merged) do
      if m.state.count then w.state.count = (w.state.count or 0) + m.state.count end
    end
  end,
  clear = function(_, w) w.state.count = nil end,
}

local function earliest(w, merged)
  local at = w.state.next
  for _, m in ipairs(merged) do
    if m.state.next and (at == nil or m.state.next < at) then at = m.state.next end
  end
  return at
end

-- SEMANTICS 4: ts - ts % i + i with a remainder that has the sign of ts.
local function next_multiple(at, interval) return at - math.fmod(at, interval) + interval end

KINDS.continuous_event_time = {
  element = function(t, w, world, time)
    if w.last <= world.watermark then return "fire" end
    world.timer("event", w.last)
    if w.state.next == nil then
      w.state.next = math.min(next_multiple(time, t.interval), w.last)
      world.timer("event", w.state.next)
    end
  end,
  event = function(t, w, world, at)
    if at == w.last then return "fire" end
    if at == w.state.next then
      w.state.next = math.min(at + t.interval, w.last)
      world.timer("event", w.state.next)
      return "fire"
    end
  end,
  merge = function(_, w, world, merged)
    w.state.next = earliest(w, merged)
    if w.state.next then world.timer("event", w.state.next) end
  end,
}

KINDS.continuous_processing_time = {
  element = function(t, w, world)
    if w.state.next == nil then
      w.state.next = math.min(next_multiple(world.now, t.interval), w.last)
      world.timer("processing", w.state.next)
    end
  end,
  processing = function(t, w, world, at)
    if at ~= w.state.next then return nil end
    if at < w.last then
      w.state.next = math.min(at + t.interval, w.last)
      world.timer("processing", w.state.next)
    end
    return "fire"
  end,
  merge = function(_, w, world, merged)
    w.state.next = earliest(w, merged)
    if w.state.next then world.timer("processing", w.state.next) end
  end,
  clear = function(_, w) w.state.next = nil end,
}

KINDS.never = {}

-- Further from the row that it fired with last than the threshold.
KINDS.delta = {
  element = function(t, w, _, _, row)
    local now = expr.value(t.x, row)
    if w.state.last == nil then
      w.state.last = now
    elseif now - w.state.last > t.threshold then
      w.state.last = now
      return "fire"
    end
  end,
}

-- Functions of the job: every so many rows of the window, at its end, some time by the clock after each row.
KINDS.own = {
  element = function(t, w, world)
    w.state.n = (w.state.n or 0) + 1
    if t.after then world.timer("processing", world.now + t.after) end
    if t.at_end then
      if w.last <= world.watermark then return "fire" end
      world.timer("event", w.last)
    end
    return w.state.n % t.every == 0 and t.verdict or nil
  end,
  event = function(t, w, _, at) return t.at_end and at == w.last and "fire" or nil end,
  processing = function(t) return t.after and "fire" or nil end,
  merge = function(t, w, world, merged)
    for _, m in ipairs(merged) do w.state.n = (w.state.n or 0) + (m.state.n or 0) end
    if t.at_end and w.last > world.watermark then world.timer("event", w.last) end
  end,
}

local OWN = [[{
    state = { n = tm.value("int", { default = 0 }) },
    element = function(ctx, e)
      ctx.state.n:set(ctx.state.n:get() + 1)
      %s%s
      if ctx.state.n:get() %% %d == 0 then return %q end
      return "continue"
    end,
    %s%s
    merge = function(ctx, other)
      ctx.state.n:set(ctx.state.n:get() + (other.n or 0))
      %s
    end,
  }]]
local VERDICTS = { fire = "fire", purge = "fire_and_purge", forget = "purge" }

local function own_text(t)
  return OWN:format(t.after and ("ctx:timer_processing(ctx.now + %d)"):format(t.after) or "",
    t.at_end and ' if ctx.window_end - 1 <= ctx.watermark then return "fire" end ctx:timer(ctx.window_end - 1)' or "",
    t.every, VERDICTS[t.verdict],
    t.at_end and 'event_time = function(ctx, at) return at == ctx.window_end - 1 and "fire" or "continue" end,' or "",
    t.after and 'processing_time = function() return "fire" end,' or "",
    t.at_end and "if ctx.window_end - 1 > ctx.watermark then ctx:timer(ctx.window_end - 1) end" or "")
end

KINDS.end_of_stream = {
  element = function(_, _, world) world.timer("event", math.huge) end,
  event = function(_, _, _, at) return at == math.huge and "fire" or nil end,
}

local function purged(result) return result and result ~= "forget" and "purge" or result end

KINDS.purging = {
  element = function(t, ...) return purged(call(t.of, "element", ...)) end,
  event = function(t, ...) return purged(call(t.of, "event", ...)) end,
  processing = function(t, ...) return purged(call(t.of, "processing", ...)) end,
  merge = function(t, ...) call(t.of, "merge", ...) end,
  clear = function(t, ...) call(t.of, "clear", ...) end,
}

local function forget(t, w, world)
  if w.state.timeout then world.delete("processing", w.state.timeout) end
  w.state.timeout = nil
  call(t.of, "clear", w, world)
end

KINDS.processing_timeout = {
  element = function(t, w, world, time)
    local result = call(t.of, "element", w, world, time)
    if result then
      forget(t, w, world)
      return result
    end
    if w.state.timeout and t.reset then
      world.delete("processing", w.state.timeout)
      w.state.timeout = nil
    end
    if not w.state.timeout then
      w.state.timeout = world.now + t.after
      world.timer("processing", w.state.timeout)
    end
  end,
  -- Whatever time comes through it fires, also that of the window's end.
  event = function(t, w, world, at)
    local result = call(t.of, "event", w, world, at)
    if not t.keep then forget(t, w, world) end
    return result or "fire"
  end,
  processing = function(t, w, world, at)
    local result = call(t.of, "processing", w, world, at)
    if not t.keep then forget(t, w, world) end
    return result or "fire"
  end,
  clear = forget,
}

---What a trigger says: nil, "fire", "purge" (which fires first) or "forget" (which does not).
triggers.call = call

---As the job says it.
function triggers.text(t)
  if t.kind == "purging" then return ("tm.trigger.purging(%s)"):format(triggers.text(t.of)) end
  if t.kind == "own" then return own_text(t) end
  if t.kind == "delta" then
    return ("tm.trigger.delta(%d, function(a, b) return %s - %s end)"):format(t.threshold, expr.text(t.x, "b"), expr.text(t.x, "a"))
  end
  if t.kind == "count" then return ("tm.trigger.count(%d)"):format(t.n) end
  if t.interval then return ("tm.trigger.%s(%d)"):format(t.kind, t.interval) end
  if t.kind == "processing_timeout" then
    return ("tm.trigger.processing_timeout(%s, %d, { reset = %s, clear = %s })"):format(triggers.text(t.of), t.after, tostring(t.reset),
      tostring(not t.keep))
  end
  return ("tm.trigger.%s()"):format(t.kind)
end

---Of a window of a kind; nil: the one it has by itself. steps: it may depend on when the watermark moves.
function triggers.draw(random, window, steps, info)
  local event = not window.processing and window.kind ~= "global"
  local choices = { { 4, "count" }, { steps and 4 or 0, "own" } }
  if window.kind ~= "session" then choices[#choices + 1] = { 2, "delta" } end
  if window.kind ~= "global" then
    if window.kind ~= "session" then choices[#choices + 1] = { 1, "never" } end
    choices[#choices + 1] = { 2, event and "event_time" or "processing_time" }
  elseif steps then
    choices[#choices + 1] = { 2, "end_of_stream" }
  end
  if steps then
    choices[#choices + 1] = { 3, event and "continuous_event_time" or "continuous_processing_time" }
    if window.kind ~= "session" then choices[#choices + 1] = { 3, "processing_timeout" } end
  end
  local kind = random:weighted(choices)
  local trigger = { kind = kind }
  if kind == "count" then trigger.n = random:int(1, 4) end
  if kind == "delta" then trigger.threshold, trigger.x = random:int(-2, 15), expr.draw_int(random, info.columns, 1) end
  if kind == "own" then
    trigger.every, trigger.verdict = random:int(1, 4), random:pick { "fire", "fire", "purge", "forget" }
    trigger.at_end = event and random:chance(60) or nil
    trigger.after = random:chance(30) and random:pick { 1, 10, 40 } or nil
  end
  if kind:find("continuous", 1, true) then trigger.interval = random:pick { 7, 10, 25, 60 } end
  if kind == "processing_timeout" then
    trigger = { kind = kind, of = { kind = "count", n = random:int(2, 5) }, after = random:pick { 5, 20, 50 },
      reset = random:chance(50), keep = random:chance(30) }
  end
  if kind ~= "never" and random:chance(30) then trigger = { kind = "purging", of = trigger } end
  return trigger
end

function triggers.fits(t, info)
  return (t.x == nil or expr.fits(t.x, info.columns)) and (t.of == nil or triggers.fits(t.of, info))
end

---Does it (or one inside) wait for the clock?
function triggers.by_clock(t)
  return t ~= nil and (t.kind == "own" and t.after ~= nil or t.kind == "processing_timeout"
    or t.kind == "continuous_processing_time" or t.kind == "processing_time"
    or t.of ~= nil and triggers.by_clock(t.of))
end

---Can one row or time make it fire for several windows of a key at once?
function triggers.own(t) return t ~= nil and not (t.kind == "event_time" or t.kind == "processing_time" or t.kind == "never") end

return triggers
