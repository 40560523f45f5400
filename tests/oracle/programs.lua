-- Programs of process functions: statements over states and timers, as data. The job has them as Lua; the model goes through them
-- statement by statement, over tables (SEMANTICS 8 and 15; docs/guide/process-functions.md).
--
-- Each is for one of the functions, its role: "each" (and "left"), "right" (of the other input: no side rows), "timer" (no record
-- but its time), "rule" (no key: it changes shared states, and what it says of all keys).
local expr = require "tests.oracle.expr"
local keys = require "tests.oracle.keys"
local states = require "tests.oracle.states"

local programs = {}

-- --- programs -------------------------------------------------------------------------------------------------------------

local NAMES = { "", "b", "a name" }
local AT = { "var", "at" }

local function draw_number(random, info, role)
  if role == "timer" then return random:chance(50) and { "const", random:int(-2, 5) } or { "mod", AT, { "const", random:int(2, 9) } } end
  return expr.draw_int(random, info.columns, 1)
end

-- Arguments of statements: from the record, in a timer from its time.
local function arguments(random, info, role)
  local x = {}
  function x.number() return draw_number(random, info, role) end
  function x.text() return role == "timer" and { "const", random:pick(NAMES) } or expr.draw_text(random, info.columns) end
  function x.value(state) return state.type == "int" and x.number() or x.text() end
  function x.key(state) return state.key == "int" and { "mod", x.number(), { "const", random:int(2, 5) } } or x.text() end
  return x
end

local function written(op, role) return role == "rule" and op.broadcast or op.states end

-- What a function may look at.
local function read(op, role)
  local list = {}
  for _, state in ipairs(role ~= "rule" and op.states or {}) do list[#list + 1] = state end
  for _, state in ipairs(op.broadcast or {}) do list[#list + 1] = state end
  return list
end

local function find(op, name) return states.find(op.states, name) or states.find(op.broadcast or {}, name) end

local function draw_change(random, op, info, role)
  return states.draw_change(random, written(op, role), arguments(random, info, role))
end

local function draw_condition(random, op, info, role)
  local counted = {}
  for _, state in ipairs(read(op, role)) do if states.is_measured(state) then counted[#counted + 1] = state.name end end
  if #counted > 0 and random:chance(50) then return { "state_below", random:pick(counted), random:int(-2, 20) } end
  if role == "timer" then return { "eq", { "mod", AT, { "const", random:int(2, 4) } }, { "const", 0 } } end
  return expr.draw_condition(random, info.columns, 1)
end

local function draw_timer(random, op, info, context)
  local event = info.timed and (not context.steps or random:chance(70))
  if not event and not context.steps then return nil end
  if event then op.uses_event = true else op.uses_clock = true end
  local verb = random:chance(context.steps and 20 or 0) and "delete" or "timer"
  return { verb, event and "event" or "processing", random:int(event and -10 or 0, 60), random:pick(NAMES) }
end

local function draw_statement(random, op, info, context, role)
  local kind = random:weighted { { 5, "change" }, { role == "rule" and 0 or 3, "emit" },
    { (role == "each" or role == "right") and 4 or 0, "timer" }, { 2, "if" },
    { role == "each" and 1 or 0, "side" }, { role == "rule" and 4 or 0, "every_key" } }
  if kind == "every_key" then
    -- All that have a state: what it is told, and changed by a statement of its own.
    local state = random:pick(op.states)
    local change = random:chance(60) and states.draw_change(random, { state }, arguments(random, info, "timer")) or nil
    for _, x in ipairs(change and states.arguments(change) or {}) do
      if not expr.fits(x, {}) or expr.names_variable(x) then change = nil end
    end
    return { "every_key", state.name, change }
  end
  if kind == "timer" then return draw_timer(random, op, info, context) end
  if kind == "emit" then return { "emit", random:pick { "x", "y" } } end
  if kind == "side" then
    op.side = op.side or context.fresh("side")
    return { "side" }
  end
  if kind == "if" then
    local body = draw_statement(random, op, info, context, role)
    return body and body[1] ~= "if" and { "if", draw_condition(random, op, info, role), body } or nil
  end
  return draw_change(random, op, info, role)
end

function programs.draw(random, op, info, context, role)
  local program = {}
  for _ = 1, random:int(2, 5) do program[#program + 1] = draw_statement(random, op, info, context, role) end
  if role ~= "rule" and random:chance(80) then program[#program + 1] = { "emit", "end" } end
  if role == "timer" and random:chance(30) then
    local every = random:int(3, 7)
    program[#program + 1] = { "again", every, random:int(1, every - 1), random:pick(NAMES) }
  end
  if random:chance(15) then
    table.insert(program, random:int(1, #program + 1), { "fail", draw_condition(random, op, info, role) })
  end
  return program
end

-- --- as text --------------------------------------------------------------------------------------------------------------

-- The columns that say what the call knows.
local function row_text(op, info, what, role)
  local parts = {}
  for i, name in ipairs(info.keys) do
    parts[i] = ("%s = ctx.key%s"):format(name, #info.keys > 1 and "." .. name or "")
  end
  parts[#parts + 1] = ("what = %q"):format(what)
  parts[#parts + 1] = role == "timer"
    and "at = at, timer = name or \"\", domain = ctx.domain" or 'at = ctx.time or -1, timer = "", domain = ""'
  if op.times then parts[#parts + 1] = "wm = wm(ctx), clock = ctx.now" end
  for _, state in ipairs(read(op, role)) do parts[#parts + 1] = ("s_%s = %s"):format(state.name, states.shown_text(state)) end
  return "{ " .. table.concat(parts, ", ") .. " }"
end

local function condition_text(op, condition)
  if condition[1] == "state_below" then
    return ("%s < %d"):format(states.measure_text(find(op, condition[2])), condition[3])
  end
  return expr.text(condition, "e")
end

local function every_key_text(op, info, s)
  local parts = {}
  for i, name in ipairs(info.keys) do parts[i] = ("%s = key%s"):format(name, #info.keys > 1 and "." .. name or "") end
  parts[#parts + 1] = 'what = "key", at = -1, timer = "", domain = ""'
  local change = s[3] and states.statement_text(s[3], find(op, s[2]), "state") or ""
  return ("ctx:each_key(%q, function(ctx, key, state) ctx:emit { %s } do %s end end)"):format(s[2], table.concat(parts, ", "), change)
end

local function statement_text(op, info, s, role)
  local kind = s[1]
  if states.is_statement(s) then return states.statement_text(s, find(op, s[2])) end
  if kind == "emit" then return "ctx:emit " .. row_text(op, info, s[2], role) end
  if kind == "every_key" then return every_key_text(op, info, s) end
  if kind == "side" then return ("ctx:output(%q, e)"):format(op.side) end
  if kind == "if" then return ("if %s then %s end"):format(condition_text(op, s[2]), statement_text(op, info, s[3], role)) end
  if kind == "fail" then return ("if %s then error(\"as planned\") end"):format(condition_text(op, s[2])) end
  if kind == "again" then
    return ('if at %% %d == 0 then if ctx.domain == "event" then ctx:timer(at + %d, %q) else ctx:timer_processing(at + %d, %q) end end')
      :format(s[2], s[3], s[4], s[3], s[4])
  end
  return ("ctx:%s%s(%s + %d, %q)"):format(kind == "timer" and "timer" or "delete_timer", s[2] == "event" and "" or "_processing",
    s[2] == "event" and "ctx.time" or "ctx.now", s[3], s[4])
end

function programs.text(op, info, program, role)
  local lines = {}
  for i, s in ipairs(program) do lines[i] = "      do " .. statement_text(op, info, s, role) .. " end" end
  return table.concat(lines, "\n")
end

-- --- the model ------------------------------------------------------------------------------------------------------------

local Call = {} -- one call of each or timer
Call.__index = Call

function Call:condition(condition)
  if condition[1] == "state_below" then
    return states.measure(self, find(self.op, condition[2])) < condition[3]
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
  for _, state in ipairs(read(self.op)) do row["s_" .. state.name] = states.show(self, state) end
  return row
end

-- What a dead letter has of it.
function Call:record()
  local t = self.timer
  if not t then return self.row end
  local row = { timer = t.at, timer_name = t.name ~= "" and t.name or nil, timer_domain = t.domain }
  for _, name in ipairs(self.keys) do row[name] = self.key[name] end
  return row
end

local FAILED = {}

function Call:statement(s)
  local kind = s[1]
  if kind == "emit" then self.given[#self.given + 1] = { row = self:made(s[2]) }
  elseif kind == "side" then self.given[#self.given + 1] = { row = self.row, side = true }
  elseif states.is_statement(s) then states.perform(self, s, find(self.op, s[2]))
  elseif kind == "every_key" then self.later[#self.later + 1] = s
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
  local before, shared, list = states.copy(call.states), states.copy(self.shared), {}
  for i, t in ipairs(self.timers.list) do list[i] = t end
  self.out.tick()
  local ok, why = pcall(function() for _, s in ipairs(program) do call:statement(s) end end)
  if not ok then
    if why ~= FAILED then error(why, 0) end
    if call.key_text then self.live[call.key_text].states = before end
    self.shared, self.timers.list = shared, list
    if self.op.dead then self.out.side(self.op.dead, call:record()) end
    return false
  end
  for _, given in ipairs(call.given) do
    if given.side then self.out.side(self.op.side, given.row, time) else self.out.emit(given.row, time) end
  end
  return true
end

local Operator = {}
Operator.__index = Operator
programs.Operator = Operator

function Operator:call(key_text, more)
  more.op, more.out, more.keys, more.key_text, more.timers = self.op, self.out, self.keys, key_text, self.timers
  more.given, more.later, more.shared = {}, {}, self.shared
  if key_text then more.states, more.key = self.live[key_text].states, self.live[key_text].row end
  return setmetatable(more, Call)
end

function Operator:record(row, time, columns, program)
  local key_text = keys.text(self.keys, row, columns)
  self.live[key_text] = self.live[key_text] or { states = {}, row = row }
  run(self, self:call(key_text, { row = row, time = time, time_shown = time or -1 }), program, time)
end

function Operator:row(row, time) self:record(row, time, self.columns, self.op.each) end

-- Of the other input of two with a key.
function Operator:right(row, time)
  for _, name in ipairs(self.keys) do if row[name] == nil then return end end
  self:record(row, time, self.other, self.op.right)
end

-- A rule; then what it says of all keys.
function Operator:rule(row, time)
  local call = self:call(nil, { row = row, time = time })
  if not run(self, call, self.op.rule, time) then return end
  for _, s in ipairs(call.later) do
    local state = find(self.op, s[2])
    for key_text, live in pairs(self.live) do
      local one = self:call(key_text, { row = {}, time = time, time_shown = -1 })
      if states.exists(one, state) then
        local made = { what = "key", at = -1, timer = "", domain = "" }
        for _, name in ipairs(self.keys) do made[name] = live.row[name] end
        self.out.emit(made, time)
        if s[3] then states.perform(one, s[3], state) end
      end
    end
  end
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

-- --- what it needs and gives ---------------------------------------------------------------------------------------------

---Is all there that it names?
function programs.fits(op, program, info, role)
  for _, s in ipairs(program) do
    local kind = s[1]
    if kind == "if" or kind == "fail" then
      if s[2][1] == "state_below" then
        if not find(op, s[2][2]) then return false end
      elseif role ~= "timer" and not expr.fits(s[2], info.columns) then return false end
      if s[3] and not programs.fits(op, { s[3] }, info, role) then return false end
    elseif kind == "every_key" then
      if not find(op, s[2]) then return false end
    elseif states.is_statement(s) then
      if not find(op, s[2]) then return false end
      for _, x in ipairs(states.arguments(s)) do if role ~= "timer" and not expr.fits(x, info.columns) then return false end end
    end
  end
  return true
end

---Does it give rows?
function programs.emits(program)
  for _, s in ipairs(program) do if s[1] == "emit" or s[1] == "if" and s[3][1] == "emit" or s[1] == "every_key" then return true end end
  return false
end

function programs.gives_side(program)
  for _, s in ipairs(program) do if s[1] == "side" or s[1] == "if" and s[3][1] == "side" then return true end end
  return false
end

programs.read = read
return programs
