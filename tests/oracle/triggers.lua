-- Triggers of windows, as the table of SEMANTICS 4 has them: plain objects with a state for each window.
--
-- A trigger is { kind =, ... }, perhaps around another one. world: { now, watermark, timer(domain, at), delete(domain, at) } of the
-- window `w` = { first =, last =, state = }; w.last is its last millisecond, math.huge of a window without an end.
-- What happens gives "fire", "purge" with it, or nothing.
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

KINDS.end_of_stream = {
  element = function(_, _, world) world.timer("event", math.huge) end,
  event = function(_, _, _, at) return at == math.huge and "fire" or nil end,
}

local function purged(result) return result and "purge" end

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

---What a trigger says: nil, "fire" or "purge" (which fires first).
triggers.call = call

---As the job says it.
function triggers.text(t)
  if t.kind == "purging" then return ("tm.trigger.purging(%s)"):format(triggers.text(t.of)) end
  if t.kind == "count" then return ("tm.trigger.count(%d)"):format(t.n) end
  if t.interval then return ("tm.trigger.%s(%d)"):format(t.kind, t.interval) end
  if t.kind == "processing_timeout" then
    return ("tm.trigger.processing_timeout(%s, %d, { reset = %s, clear = %s })"):format(triggers.text(t.of), t.after, tostring(t.reset),
      tostring(not t.keep))
  end
  return ("tm.trigger.%s()"):format(t.kind)
end

---Of a window of a kind; nil: the one it has by itself. steps: it may depend on when the watermark moves.
function triggers.draw(random, window, steps)
  local event = not window.processing and window.kind ~= "global"
  local choices = { { 4, "count" } }
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
  if kind:find("continuous", 1, true) then trigger.interval = random:pick { 7, 10, 25, 60 } end
  if kind == "processing_timeout" then
    trigger = { kind = kind, of = { kind = "count", n = random:int(2, 5) }, after = random:pick { 5, 20, 50 },
      reset = random:chance(50), keep = random:chance(30) }
  end
  if kind ~= "never" and random:chance(30) then trigger = { kind = "purging", of = trigger } end
  return trigger
end

---Does it (or one inside) wait for the clock?
function triggers.by_clock(t)
  return t ~= nil and (t.kind == "processing_timeout" or t.kind == "continuous_processing_time" or t.kind == "processing_time"
    or t.of ~= nil and triggers.by_clock(t.of))
end

---Can one row or time make it fire for several windows of a key at once?
function triggers.own(t) return t ~= nil and not (t.kind == "event_time" or t.kind == "processing_time" or t.kind == "never") end

return triggers
