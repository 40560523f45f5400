-- Process functions: small programs over states and timers, as data. The job has them as Lua; the model goes through them
-- statement by statement, over tables (SEMANTICS 8 and 15; docs/guide/process-functions.md).
local expr = require "tests.oracle.expr"
local keys = require "tests.oracle.keys"
local states = require "tests.oracle.states"
local stateless = require "tests.oracle.families.stateless"
local timers = require "tests.oracle.timers"
local values = require "tests.oracle.values"

local family = {}

-- --- programs -------------------------------------------------------------------------------------------------------------

local NAMES = { "", "b", "a name" }
local AT = { "var", "at" }

local function draw_number(random, info, in_timer)
  if in_timer then return random:chance(50) and { "const", random:int(-2, 5) } or { "mod", AT, { "const", random:int(2, 9) } } end
  return expr.draw_int(random, info.columns, 1)
end

-- Arguments of statements: from the record, in a timer from its time.
local function arguments(random, info, in_timer)
  local x = {}
  function x.number() return draw_number(random, info, in_timer) end
  function x.text() return in_timer and { "const", random:pick(NAMES) } or expr.draw_text(random, info.columns) end
  function x.value(state) return state.type == "int" and x.number() or x.text() end
  function x.key(state) return state.key == "int" and { "mod", x.number(), { "const", random:int(2, 5) } } or x.text() end
  return x
end

local function draw_change(random, op, info, in_timer)
  return states.draw_change(random, op.states, arguments(random, info, in_timer))
end

local function draw_condition(random, op, info, in_timer)
  local counted = {}
  for _, state in ipairs(op.states) do if states.is_measured(state) then counted[#counted + 1] = state.name end end
  if #counted > 0 and random:chance(50) then return { "state_below", random:pick(counted), random:int(-2, 20) } end
  if in_timer then return { "eq", { "mod", AT, { "const", random:int(2, 4) } }, { "const", 0 } } end
  return expr.draw_condition(random, info.columns, 1)
end

local function draw_timer(random, op, info, context)
  local event = info.timed and (not context.steps or random:chance(70))
  if not event and not context.steps then return nil end
  if event then op.uses_event = true else op.uses_clock = true end
  local verb = random:chance(context.steps and 20 or 0) and "delete" or "timer"
  return { verb, event and "event" or "processing", random:int(event and -10 or 0, 60), random:pick(NAMES) }
end

local function draw_statement(random, op, info, context, in_timer)
  local kind = random:weighted { { 5, "change" }, { 3, "emit" }, { in_timer and 0 or 4, "timer" }, { 2, "if" },
    { in_timer and 0 or 1, "side" } }
  if kind == "timer" then return draw_timer(random, op, info, context) end
  if kind == "emit" then return { "emit", random:pick { "x", "y" } } end
  if kind == "side" then
    op.side = op.side or context.fresh("side")
    return { "side" }
  end
  if kind == "if" then
    local body = draw_statement(random, op, info, context, in_timer)
    return body and body[1] ~= "if" and { "if", draw_condition(random, op, info, in_timer), body } or nil
  end
  return draw_change(random, op, info, in_timer)
end

local function draw_program(random, op, info, context, in_timer)
  local program = {}
  for _ = 1, random:int(2, 5) do program[#program + 1] = draw_statement(random, op, info, context, in_timer) end
  if random:chance(80) then program[#program + 1] = { "emit", "end" } end
  if in_timer and random:chance(30) then
    local every = random:int(3, 7)
    program[#program + 1] = { "again", every, random:int(1, every - 1), random:pick(NAMES) }
  end
  if random:chance(15) then
    table.insert(program, random:int(1, #program + 1), { "fail", draw_condition(random, op, info, in_timer) })
  end
  return program
end

-- --- as text --------------------------------------------------------------------------------------------------------------

local function row_text(op, info, what, in_timer)
  local parts = {}
  for i, name in ipairs(info.keys) do
    parts[i] = ("%s = ctx.key%s"):format(name, #info.keys > 1 and "." .. name or "")
  end
  parts[#parts + 1] = ("what = %q"):format(what)
  parts[#parts + 1] = in_timer and "at = at, timer = name or \"\", domain = ctx.domain" or 'at = ctx.time or -1, timer = "", domain = ""'
  if op.times then parts[#parts + 1] = "wm = wm(ctx), clock = ctx.now" end
  for _, state in ipairs(op.states) do parts[#parts + 1] = ("s_%s = %s"):format(state.name, states.shown_text(state)) end
  return "{ " .. table.concat(parts, ", ") .. " }"
end

local function condition_text(op, condition)
  if condition[1] == "state_below" then
    return ("%s < %d"):format(states.measure_text(states.find(op.states, condition[2])), condition[3])
  end
  return expr.text(condition, "e")
end

local function statement_text(op, info, s, in_timer)
  local kind = s[1]
  if states.is_statement(s) then return states.statement_text(s) end
  if kind == "emit" then return "ctx:emit " .. row_text(op, info, s[2], in_timer) end
  if kind == "side" then return ("ctx:output(%q, e)"):format(op.side) end
  if kind == "if" then return ("if %s then %s end"):format(condition_text(op, s[2]), statement_text(op, info, s[3], in_timer)) end
  if kind == "fail" then return ("if %s then error(\"as planned\") end"):format(condition_text(op, s[2])) end
  if kind == "again" then
    return ('if at %% %d == 0 then if ctx.domain == "event" then ctx:timer(at + %d, %q) else ctx:timer_processing(at + %d, %q) end end')
      :format(s[2], s[3], s[4], s[3], s[4])
  end
  return ("ctx:%s%s(%s + %d, %q)"):format(kind == "timer" and "timer" or "delete_timer", s[2] == "event" and "" or "_processing",
    s[2] == "event" and "ctx.time" or "ctx.now", s[3], s[4])
end

local function program_text(op, info, program, in_timer)
  local lines = {}
  for i, s in ipairs(program) do lines[i] = "      do " .. statement_text(op, info, s, in_timer) .. " end" end
  return table.concat(lines, "\n")
end

-- --- the model ------------------------------------------------------------------------------------------------------------

local Call = {} -- one call of each or timer
Call.__index = Call

function Call:condition(condition)
  if condition[1] == "state_below" then
    return states.measure(self, states.find(self.op.states, condition[2])) < condition[3]
  end
  return expr.value(condition, self.row)
end

function Call:made(what)
  local timer = self.timer or { name = "", domain = "" }
  local row = { what = what, at = self.time_shown, timer = timer.name, domain = timer.domain }
  for _, name in ipairs(self.keys) do row[name] = self.key[name] end
  if self.op.times then
    local watermark = self.out.watermark()
    row.wm = watermark == -math.huge and -1 or watermark == math.huge and -2 or watermark
    row.clock = self.out.now()
  end
  for _, state in ipairs(self.op.states) do row["s_" .. state.name] = states.show(self, state) end
  return row
end

local FAILED = {}

function Call:statement(s)
  local kind = s[1]
  if kind == "emit" then self.given[#self.given + 1] = { row = self:made(s[2]) }
  elseif kind == "side" then self.given[#self.given + 1] = { row = self.row, side = true }
  elseif states.is_statement(s) then states.perform(self, s, states.find(self.op.states, s[2]))
  elseif kind == "if" then if self:condition(s[2]) then self:statement(s[3]) end
  elseif kind == "fail" then if self:condition(s[2]) then error(FAILED) end
  elseif kind == "again" then
    local t = self.timer
    if t.at % s[2] == 0 then self.timers:add(t.domain, t.at + s[3], t.key, s[4], self.op) end
  else
    local at = (s[2] == "event" and self.time or self.out.now()) + s[3]
    self.timers[kind == "timer" and "add" or "remove"](self.timers, s[2], at, self.key_text, s[4], self.op)
  end
end

-- A call that fails leaves nothing behind.
local function run(self, call, program, time)
  local before, list = states.copy(call.states), {}
  for i, t in ipairs(self.timers.list) do list[i] = t end
  self.out.tick()
  local ok, why = pcall(function() for _, s in ipairs(program) do call:statement(s) end end)
  if not ok then
    if why ~= FAILED then error(why, 0) end
    self.live[call.key_text].states = before
    self.timers.list = list
    return
  end
  for _, given in ipairs(call.given) do
    if given.side then self.out.side(self.op.side, given.row, time) else self.out.emit(given.row, time) end
  end
end

local Operator = {}
Operator.__index = Operator

function Operator:call(key_text, more)
  more.op, more.out, more.keys, more.key_text, more.timers, more.given = self.op, self.out, self.keys, key_text, self.timers, {}
  more.states, more.key = self.live[key_text].states, self.live[key_text].row
  return setmetatable(more, Call)
end

function Operator:row(row, time)
  local key_text = keys.text(self.keys, row, self.columns)
  self.live[key_text] = self.live[key_text] or { states = {}, row = row }
  run(self, self:call(key_text, { row = row, time = time, time_shown = time or -1 }), self.op.each, time)
end

function Operator:due(domain, until_)
  for t in self.timers:due(domain, until_) do
    local time
    if domain == "event" then time = t.at end
    run(self, self:call(t.key, { row = { at = t.at }, time = time, time_shown = t.at, timer = t }), self.op.timer, time)
  end
end

function Operator:watermark(at) self:due("event", at) end
function Operator:deadline() return self.timers:deadline() end
function Operator:clock(now) self:due("processing", now - 1) end

-- --- as an operator of a case -----------------------------------------------------------------------------------------------

local function fits(op, program, info, in_timer)
  for _, s in ipairs(program) do
    local kind = s[1]
    if kind == "if" or kind == "fail" then
      if s[2][1] == "state_below" then
        if not states.find(op.states, s[2][2]) then return false end
      elseif not in_timer and not expr.fits(s[2], info.columns) then return false end
      if s[3] and not fits(op, { s[3] }, info, in_timer) then return false end
    elseif states.is_statement(s) then
      if not states.find(op.states, s[2]) then return false end
      for _, x in ipairs(states.arguments(s)) do if not in_timer and not expr.fits(x, info.columns) then return false end end
    end
  end
  return true
end

local function emits(program)
  for _, s in ipairs(program) do if s[1] == "emit" or s[1] == "if" and s[3][1] == "emit" then return true end end
  return false
end

local function gives_side(program)
  for _, s in ipairs(program) do if s[1] == "side" or s[1] == "if" and s[3][1] == "side" then return true end end
  return false
end

local function columns_of(op, info)
  local columns = {}
  for i, name in ipairs(info.keys) do
    local from = expr.by_name(info.columns, name)
    columns[i] = { name = name, type = from.type, scale = from.scale, precision = from.precision, keep = from.keep }
  end
  for _, name in ipairs { "what", "timer", "domain" } do columns[#columns + 1] = { name = name, type = "string" } end
  for _, name in ipairs { "at", op.times and "wm", op.times and "clock" } do
    if name then columns[#columns + 1] = { name = name, type = "int", large = true } end
  end
  for _, state in ipairs(op.states) do columns[#columns + 1] = states.column(state) end
  for i, column in ipairs(columns) do
    for j = 1, i - 1 do if columns[j].name == column.name then return nil end end
  end
  return columns
end

local TEXT = [[
:process(%q, {
    state = { %s },
    each = function(ctx, e)
%s
    end,
    timer = function(ctx, at, name)
%s
    end,
  }):on_error("skip"):returns { %s }]]

family.process = {
  draw = function(random, info, context)
    if not info.keys then return nil end
    local op = { op = "process", name = context.fresh("process"), times = context.steps or nil }
    op.states = context.steps and states.draw(random, info, context) or {}
    if #op.states == 0 then return nil end
    op.each = draw_program(random, op, info, context, false)
    op.timer = draw_program(random, op, info, context, true)
    return op
  end,
  after = function(op, info)
    if not info.keys or not info.order or info.untold or op.uses_event and not info.timed then return nil end
    if not fits(op, op.each, info, false) or not fits(op, op.timer, info, true) then return nil end
    if not emits(op.each) and not emits(op.timer) then return nil end
    for _, state in ipairs(op.states) do if state.ttl and state.ttl.clock == "event" and not info.timed then return nil end end
    local columns = columns_of(op, info)
    return columns and stateless.with(info, { columns = columns, order = info.keys, timed = info.timed and not op.uses_clock or false,
      untold = info.untold or op.uses_clock })
  end,
  text = function(op, info)
    local declared, types = {}, {}
    for i, state in ipairs(op.states) do declared[i] = states.text(state) end
    for i, column in ipairs(columns_of(op, info)) do types[i] = ("%s = %q"):format(column.name, values.type_text(column)) end
    return TEXT:format(op.name, table.concat(declared, ", "), program_text(op, info, op.each, false),
      program_text(op, info, op.timer, true), table.concat(types, ", "))
  end,
  sides = function(op, info)
    return op.side and gives_side(op.each) and { [op.side] = { columns = info.columns, order = info.keys } } or {}
  end,
  model = function(op, info, out)
    return setmetatable({ op = op, out = out, keys = info.keys, columns = info.columns, live = {}, timers = timers.new() }, Operator)
  end,
  by_clock = function(op) return op.uses_clock end,
}

return { operators = family }
