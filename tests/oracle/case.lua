-- A case: a job and what happens to it, as plain data that follows from a seed, and can be made smaller.
--
-- { seed =, way = "kit" | "files", parallelism =, timed =, columns = the sources' , sources = { name, ... },
--   operators = { op, ... }, script = { { "push", source, { row, ... } }, { "watermark", at, source? }, { "clock", ms },
--   { "idle", source }, { "finish", source? } } }
local Random = require "tests.oracle.random"
local script = require "tests.oracle.script"
local states = require "tests.oracle.states"
local values = require "tests.oracle.values"

local case = {}

local operators = {}
for _, name in ipairs { "stateless", "keyed", "windows", "process" } do
  for verb, operator in pairs(require("tests.oracle.families." .. name).operators) do operators[verb] = operator end
end
case.operators = operators

local KEYED = { { 15, "window" }, { 6, "process" }, { 2, "rolling" }, { 1, "short" }, { 1, "distinct" }, { 1, "dedup" },
  { 1, "top" }, { 1, "extreme" }, { 1, "reduce" } }
local JOINING = { { 1, "connect" }, { 1, "process_broadcast" } }
local STATELESS = { { 3, "map" }, { 2, "filter" }, { 1, "check" }, { 1, "flat_map" }, { 2, "assign" }, { 1, "select" }, { 1, "drop" } }

-- --- drawing --------------------------------------------------------------------------------------------------------------

local function draw_columns(random)
  local columns = {
    { name = "id", type = "int", unique = true },
    { name = "k", type = "string", keep = true, nullable = random:chance(10) and 10 or nil },
    { name = "ts", type = "timestamp" },
  }
  local more = { { name = "g", type = "int", keep = true }, { name = "i", type = "int" }, { name = "l", type = "int64" },
    { name = "d", type = "double" }, { name = "m", type = "decimal", precision = 10, scale = 2 },
    { name = "s", type = "string" }, { name = "b", type = "bool" } }
  for _, column in ipairs(random:some(more, 2, 60)) do
    if column.name ~= "g" and random:chance(70) then column.nullable = random:pick { 10, 40 } end
    columns[#columns + 1] = column
  end
  return columns
end

-- What operators are drawn with.
local function context_of(way)
  local numbers = {}
  return {
    steps = way == "kit",
    fresh = function(prefix)
      numbers[prefix] = (numbers[prefix] or 0) + 1
      return prefix .. numbers[prefix]
    end,
    is_key = function(column) return column.name == "k" or column.name == "g" or column.type == "bool" end,
  }
end

---The number of the operator that the second source comes to, and what takes it there; else both are one stream.
function case.joined(c)
  for i, op in ipairs(c.operators) do
    if operators[op.op].joins then return i, operators[op.op].joins end
  end
end

-- other: of the second source, for an operator that joins.
local function source_info(c)
  return { columns = c.columns, timed = c.timed, order = (c.way == "kit" or #c.sources == 1) and "all" or nil,
    other = #c.sources == 2 and c.columns or nil }
end

-- Adds an operator of one of these verbs, when one fits.
local function add(c, random, context, info, verbs)
  for _ = 1, 20 do
    local verb = random:weighted(verbs)
    local op = operators[verb].draw(random, info, context)
    local after = op and operators[verb].after(op, info)
    if after then
      c.operators[#c.operators + 1] = op
      return after
    end
  end
  return info
end

local function draw_operators(c, random)
  local context, info = context_of(c.way), source_info(c)
  local clocks = 0
  for _ = 1, random:int(0, 3) do info = add(c, random, context, info, STATELESS) end
  for _ = 1, random:weighted { { 6, 1 }, { 4, 2 }, { 1, 3 } } do
    local count = #c.operators
    local keyed = add(c, random, context, info, { { 1, "key_by" } })
    if not keyed.keys then break end
    local joins = clocks == 0 and keyed.other and c.way == "kit" and random:chance(40)
    info = add(c, random, context, keyed, joins and JOINING or KEYED)
    info.other = nil
    local op = c.operators[#c.operators]
    local by_clock = operators[op.op].by_clock and operators[op.op].by_clock(op)
    clocks = clocks + (by_clock and 1 or 0)
    -- Two operators that wait for the clock: which one is first at the same time is nowhere said.
    if #c.operators < count + 2 or clocks > 1 then
      while #c.operators > count do table.remove(c.operators) end
      break
    end
    for _ = 1, random:weighted { { 4, 0 }, { 3, 1 }, { 1, 2 } } do info = add(c, random, context, info, STATELESS) end
  end
end

---@param seed integer
---@param way "kit"|"files"
function case.draw(seed, way)
  local random = Random.new(seed)
  local c = { seed = seed, way = way, operators = {} }
  c.parallelism = random:weighted { { 14, 1 }, { 3, 2 }, { 1, 3 }, { 1, 4 } }
  c.columns = draw_columns(random)
  c.sources = random:chance(70) and { "a" } or { "a", "b" }
  c.timed = random:chance(85)
  draw_operators(c, random)
  c.script = script.draw(c, random)
  return c
end

-- --- what follows ---------------------------------------------------------------------------------------------------------

---The info before each operator, and behind the last one; nil: it is no job.
function case.infos(c)
  local infos = { source_info(c) }
  for i, op in ipairs(c.operators) do
    infos[i + 1] = operators[op.op].after(op, infos[i])
    if not infos[i + 1] then return nil end
  end
  local last = infos[#infos]
  return last.keys == nil and infos or nil
end

---Sinks by name: { columns =, order = }; dead: the columns are those of the rows that dead letters have.
function case.sinks(c)
  local infos = case.infos(c)
  local sinks = { out = { columns = infos[#infos].columns, order = infos[#infos].order, changelog = infos[#infos].changelog } }
  for i, op in ipairs(c.operators) do
    if operators[op.op].sides then
      for tag, sink in pairs(operators[op.op].sides(op, infos[i])) do sinks[tag] = sink end
    end
    local dead = operators[op.op].dead and operators[op.op].dead(op, infos[i])
    if dead then sinks[op.dead] = { columns = dead, dead = true } end
  end
  return sinks
end

-- --- as a job ---------------------------------------------------------------------------------------------------------------

local function schema_text(columns)
  local parts = {}
  for i, column in ipairs(columns) do parts[i] = ("%s = %q"):format(column.name, values.type_text(column)) end
  return "tm.schema { " .. table.concat(parts, ", ") .. " }"
end

local WATERMARK = [[
local function wm(ctx)
  local w = ctx.watermark
  return w == -math.huge and -1 or w == math.huge and -2 or w
end]]

local function sink_text(name)
  return ('tm.file { name = "%s", path = "%s.jsonl", format = "json", timestamp = "ms" }'):format(name, name)
end

---The text of the job.
function case.text(c)
  local infos = case.infos(c)
  local lines = { 'local tm = require "tidemill"', WATERMARK, states.PRELUDE, "local S = " .. schema_text(c.columns),
    ('local job = tm.job("oracle", { parallelism = %d })'):format(c.parallelism) }
  for _, name in ipairs(c.sources) do
    lines[#lines + 1] = ('local %s = job:from(tm.file { name = "%s", path = "%s.jsonl", format = "json", schema = S })%s'):format(name,
      name, name, c.timed and (':watermark("ts", { out_of_order = %d })'):format(c.disorder or 0) or "")
  end
  lines[#lines + 1] = (#c.sources == 1 or case.joined(c)) and "local s = a"
    or ("local s = a:union(%s)"):format(table.concat(c.sources, ", ", 2))
  for i, op in ipairs(c.operators) do
    lines[#lines + 1] = "s = s" .. operators[op.op].text(op, infos[i])
    local sides = operators[op.op].sides and operators[op.op].sides(op, infos[i]) or {}
    local tags = {}
    for tag in pairs(sides) do tags[#tags + 1] = tag end
    table.sort(tags)
    for _, tag in ipairs(tags) do lines[#lines + 1] = ('s:side("%s"):to(%s)'):format(tag, sink_text(tag)) end
  end
  lines[#lines + 1] = "s:to(" .. sink_text("out") .. ")"
  lines[#lines + 1] = "return job"
  return table.concat(lines, "\n") .. "\n"
end

---Job and script, to read.
function case.show(c)
  local lines = { ("-- seed %d, %s, parallelism %d"):format(c.seed, c.way, c.parallelism), case.text(c), "-- script" }
  for _, step in ipairs(c.script) do lines[#lines + 1] = "--   " .. script.text(c, step) end
  return table.concat(lines, "\n")
end

return case
