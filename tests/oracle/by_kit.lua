-- A case through the test kit: virtual time, run to rest after every step, so that order is the script's.
local case = require "tests.oracle.case"
local compare = require "tests.oracle.compare"
local model = require "tests.oracle.model"
local script = require "tests.oracle.script"
local values = require "tests.oracle.values"

local by_kit = {}

local function names_of(sinks)
  local names = {}
  for name in pairs(sinks) do names[#names + 1] = name end
  table.sort(names)
  return names
end

local function perform(t, c, step)
  if step[1] == "push" then
    local rows = {}
    for i, row in ipairs(step[3]) do rows[i] = values.record(c.columns, row) end
    t:push(step[2], rows)
  elseif step[1] == "watermark" then t:advance_watermark(step[2], step[3])
  elseif step[1] == "clock" then t:advance_clock(step[2])
  elseif step[1] == "idle" then t:idle(step[2])
  else t:finish(step[2]) end
end

local function taken(t, name, sink)
  local rows = t:take(name, { order = "arrival" })
  if sink.dead then
    for i, letter in ipairs(rows) do rows[i] = values.buried(letter.row, sink.columns) end
  end
  return rows
end

local function go_through(t, c, expected)
  local sinks = case.sinks(c)
  local names = names_of(sinks)
  for n, step in ipairs(c.script) do
    perform(t, c, step)
    if not expected[n] then return nil end
    for _, name in ipairs(names) do
      local why = compare.rows(sinks[name], expected[n][name], taken(t, name, sinks[name]))
      if why then return ("step %d, %s\nsink %s: %s"):format(n, script.text(c, step), name, why) end
    end
  end
end

-- nil, or which operator counts otherwise than it should what came too late.
local function counts(t, c, late)
  for _, op in ipairs(c.operators) do
    if op.op == "window" and not op.late then
      local wanted, found = late[op.name] or 0, t:metrics(op.name).late
      if wanted ~= found then return ("late rows of %s\nsink %s: missing %d, there are %d"):format(op.name, op.name, wanted, found) end
    end
  end
end

-- nil, or whose rows are not accounted for. Of a window's function, which the case has no operator of, too.
local function accounts(t, c)
  for _, op in ipairs(c.operators) do
    for _, name in ipairs { op.name or "", (op.name or "") .. ": result" } do
      local known, m = pcall(t.metrics, t, name)
      if known and m.records_in ~= m.used + m.filtered + m.late + m.skipped + m.dead_lettered then
        return ("accounts of %s\nsink %s: missing %d, there are %d used, %d filtered, %d late, %d skipped, %d dead-lettered"):format(
          name, name, m.records_in, m.used, m.filtered, m.late, m.skipped, m.dead_lettered)
      end
    end
  end
end

---nil, or the first difference; an error of the engine is one.
function by_kit.differs(c)
  local tm = require "tidemill"
  local expected, late = model.run(c)
  local t
  local ok, why = pcall(function()
    t = tm.test({ code = case.text(c), path = "job.lua" }, { parallelism = c.parallelism, now = c.now, seed = c.seed })
    return go_through(t, c, expected) or counts(t, c, late) or accounts(t, c)
  end)
  if t then t:close() end
  if not ok then return "error: " .. tostring(why) end
  return why
end

return by_kit
