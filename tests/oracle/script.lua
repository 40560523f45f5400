-- What happens to a job: pushes, watermarks, moves of the clock, idle sources, ends.
local values = require "tests.oracle.values"

local script = {}

local KEYS = { "a", "b", "c", "a longer key than others", "" }

-- Lengths of time in a case's operators: bounds are where mistakes are, so times are often as far apart as these.
local function lengths_of(c)
  local found = {}
  for _, op in ipairs(c.operators) do
    local trigger = op.trigger and (op.trigger.of or op.trigger) or {}
    for _, length in pairs { op.size or false, op.slide or false, op.lateness or false, op.op ~= "process" and op.ttl or false,
      trigger.interval or false, op.trigger and op.trigger.after or trigger.after or false } do
      if length then found[#found + 1] = length end
    end
    for _, state in ipairs(op.states or {}) do if state.ttl then found[#found + 1] = state.ttl.after end end
  end
  if #found == 0 then found[1] = 5 end
  table.sort(found)
  return found
end

-- The last millisecond of a window, of the first operator with windows of event time, that a time lies in; or of its life.
local function last_of(c, random, at)
  for _, op in ipairs(c.operators) do
    if op.op == "window" and not op.processing and op.kind ~= "global" and op.kind ~= "count" then
      local last = at + op.size - 1
      if op.kind ~= "session" then
        last = at - (at - op.offset) % op.slide + (op.kind == "cumulate" and op.slide or op.size) - 1
      end
      return last + (op.lateness and random:chance(30) and op.lateness or 0)
    end
  end
  return at
end

local function draw_row(c, random, state)
  local row = {}
  state.id = state.id + 1
  for _, column in ipairs(c.columns) do
    local name = column.name
    if name == "id" then row.id = state.id
    elseif name == "k" then
      row.k = not (column.nullable and random:chance(column.nullable)) and KEYS[random:int(1, state.keys)] or nil
    elseif name == "g" then row.g = random:int(0, 2)
    elseif name == "ts" then
      row.ts = state.at - (random:chance(60) and random:int(0, state.disorder) or 0)
      if random:chance(25) then row.ts = row.ts - row.ts % 5 end
      if state.last and random:chance(20) then row.ts = state.last - random:pick(state.lengths) end
      row.ts = math.max(row.ts, state.at - state.disorder)
    else row[name] = values.draw(random, column) end
  end
  state.at = state.at + random:weighted { { 3, 0 }, { 3, random:int(1, 5) }, { 3, random:pick(state.lengths) },
    { 2, random:int(5, 30) }, { 1, random:int(30, 120) } }
  state.last = row.ts
  return row
end

-- For files: all rows, then the end.
local function draw_files(c, random, state)
  local steps = {}
  for _, name in ipairs(c.sources) do
    local rows = {}
    state.at = state.begin
    for i = 1, random:int(0, 120) do rows[i] = draw_row(c, random, state) end
    steps[#steps + 1] = { "push", name, rows }
  end
  c.disorder = state.disorder
  steps[#steps + 1] = { "finish" }
  return steps
end

local function at_one(c, state)
  if next(state.idle) or next(state.ended) then return false end
  for _, source in ipairs(c.sources) do if state.watermark[source] ~= state.watermark[c.sources[1]] then return false end end
  return true
end

local function draw_step(c, random, state)
  local kind = random:weighted { { 12, "push" }, { c.timed and 4 or 0, "watermark" }, { 3, "clock" },
    { #c.sources > 1 and 1 or 0, "idle" }, { #c.sources > 1 and random:chance(30) and 1 or 0, "finish" } }
  local live = {}
  for _, name in ipairs(c.sources) do if not state.ended[name] then live[#live + 1] = name end end
  if kind == "clock" then
    return { "clock", random:chance(50) and random:pick(state.lengths) or random:pick { 1, 4, 5, 9, 10, 15, 20, 40, 100 } }
  end
  local name = random:pick(live)
  if kind == "push" then
    local rows = {}
    for i = 1, random:weighted { { 6, 1 }, { 2, 2 }, { 1, 4 }, { 1, 7 } } do rows[i] = draw_row(c, random, state) end
    state.idle[name] = nil
    return { "push", name, rows }
  end
  if kind == "idle" then
    state.idle[name] = true
    return { "idle", name }
  end
  if kind == "finish" and #live > 1 then
    state.ended[name] = true
    return { "finish", name }
  end
  if not c.timed then return nil end
  -- A watermark of all sources at once where they stand at the same one: else it depends on which moves first.
  local target = state.at - random:int(-5, state.disorder + 10)
  if random:chance(40) then target = target - target % 5 - random:int(0, 1) end
  if state.last and random:chance(50) then
    target = random:chance(50) and last_of(c, random, state.last) or state.last + random:pick(state.lengths)
    target = target - random:weighted { { 4, 0 }, { 1, 1 } }
  end
  target = math.max(target, state.watermark[name] or -math.huge)
  if at_one(c, state) and (#c.sources == 1 or random:chance(60)) then
    for _, source in ipairs(c.sources) do state.watermark[source] = target end
    return { "watermark", target }
  end
  if state.idle[name] then return nil end
  state.watermark[name] = target
  return { "watermark", target, name }
end

---The script of a case whose job is known.
function script.draw(c, random)
  local begin = random:weighted { { 5, 1000 }, { 1, -500 }, { 1, 1700000000000 } }
  for _, op in ipairs(c.operators) do
    -- Remainders of times before 1970 have their own rule in triggers; see continuous_event_time.
    if op.trigger and begin < 0 then begin = 1000 end
  end
  c.now = random:pick { 0, 1000, 1700000000000 }
  local state = { begin = begin, at = begin, id = 0, keys = random:int(1, #KEYS), disorder = random:pick { 0, 5, 20, 60 },
    lengths = lengths_of(c), watermark = {}, idle = {}, ended = {} }
  if c.way == "files" then return draw_files(c, random, state) end
  local steps = {}
  for _ = 1, random:int(3, 40) do steps[#steps + 1] = draw_step(c, random, state) end
  if random:chance(90) then
    for _, name in ipairs(c.sources) do if not state.ended[name] then steps[#steps + 1] = { "finish", name } end end
  end
  return steps
end

---Is it one that the engine takes? Shrinking leaves out steps.
function script.valid(c)
  local watermark, idle, ended = {}, {}, {}
  for _, step in ipairs(c.script) do
    local kind = step[1]
    local source = step[kind == "watermark" and 3 or 2]
    if kind == "finish" then
      for _, name in ipairs(source and { source } or c.sources) do
        if source and ended[name] then return false end
        ended[name] = true
      end
    elseif kind == "push" or kind == "idle" then
      if ended[source] then return false end
      idle[source] = kind == "idle" or nil
    elseif kind == "watermark" then
      if not c.timed or not source and not at_one(c, { watermark = watermark, idle = idle, ended = ended }) then return false end
      for _, name in ipairs(source and { source } or c.sources) do
        if ended[name] or idle[name] or step[2] < (watermark[name] or -math.huge) then return false end
        watermark[name] = step[2]
      end
    end
  end
  return true
end

---A step as a call of the test kit.
function script.text(c, step)
  if step[1] == "push" then
    local rows = {}
    for i, row in ipairs(step[3]) do rows[i] = values.json(c.columns, row) end
    return ("t:push(%q, %s)"):format(step[2], table.concat(rows, ",\n--       "))
  end
  if step[1] == "watermark" then return ("t:advance_watermark(%.0f%s)"):format(step[2], step[3] and (', "%s"'):format(step[3]) or "") end
  if step[1] == "clock" then return ("t:advance_clock(%d)"):format(step[2]) end
  return ("t:%s(%s)"):format(step[1], step[2] and ("%q"):format(step[2]) or "")
end

return script
