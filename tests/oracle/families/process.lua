-- Process functions over one stream or two, and over rows and rules: programs (programs.lua) over states and timers.
local expr = require "tests.oracle.expr"
local programs = require "tests.oracle.programs"
local states = require "tests.oracle.states"
local stateless = require "tests.oracle.families.stateless"
local timers = require "tests.oracle.timers"
local values = require "tests.oracle.values"

local family = {}

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
  for _, state in ipairs(programs.read(op)) do columns[#columns + 1] = states.column(state) end
  for i, column in ipairs(columns) do
    for j = 1, i - 1 do if columns[j].name == column.name then return nil end end
  end
  return columns
end

-- Functions by the name that the job has for them: role and program.
local FUNCTIONS = {
  process = { { "each", "each", "ctx, e" }, { "timer", "timer", "ctx, at, name" } },
  connect = { { "left", "each", "ctx, e" }, { "right", "right", "ctx, e" }, { "timer", "timer", "ctx, at, name" } },
  process_broadcast = { { "each", "each", "ctx, e" }, { "rule", "rule", "ctx, e" }, { "timer", "timer", "ctx, at, name" } },
}

local function info_of(role, info)
  return (role == "right" or role == "rule") and stateless.with(info, { columns = info.other, keys = info.keys }) or info
end

-- The columns of the key stand in the other stream too.
local function joins(info)
  if not info.other then return false end
  for _, name in ipairs(info.keys) do
    local here, there = expr.by_name(info.columns, name), expr.by_name(info.other, name)
    if not there or there.type ~= here.type then return false end
  end
  return true
end

local function key_by_text(info)
  return ('b:key_by({ "%s" }):on_error("skip"), '):format(table.concat(info.keys, '", "'))
end
local OTHER = { process = function() return "" end, connect = key_by_text, process_broadcast = function() return "b, " end }

-- Of a record, of either input, or of a timer.
local function dead_columns(op, info)
  local columns = {}
  local function add(column)
    local there = expr.by_name(columns, column.name)
    if not there then columns[#columns + 1] = column end
    return not there or there.type == column.type and there.scale == column.scale
  end
  for _, column in ipairs(info.columns) do add(column) end
  for _, column in ipairs((op.right or op.rule) and info.other or {}) do if not add(column) then return nil end end
  for _, name in ipairs { "timer", "timer_name", "timer_domain" } do
    if expr.by_name(columns, name) then return nil end
    columns[#columns + 1] = { name = name, type = name == "timer" and "timestamp" or "string" }
  end
  return columns
end

local function operator(verb)
  return {
    draw = function(random, info, context)
      if not info.keys or not context.steps or verb ~= "process" and not joins(info) then return nil end
      local op = { op = verb, name = context.fresh(verb), times = context.steps or nil }
      op.states = states.draw(random, info, context)
      op.broadcast = verb == "process_broadcast" and states.draw(random, info, context, true) or nil
      op.dead = stateless.draw_dead(random, context)
      for _, of in ipairs(FUNCTIONS[verb]) do op[of[2]] = programs.draw(random, op, info_of(of[2], info), context, of[2]) end
      return op
    end,
    after = function(op, info)
      if not info.keys or not info.order or info.untold or op.uses_event and not info.timed then return nil end
      if op.dead and not dead_columns(op, info) then return nil end
      if #op.states == 0 or verb ~= "process" and not joins(info) then return nil end
      local gives = false
      for _, of in ipairs(FUNCTIONS[verb]) do
        local role = of[2]
        if not programs.fits(op, op[role], info_of(role, info), role) then return nil end
        gives = gives or programs.emits(op[role])
      end
      for _, state in ipairs(op.states) do if state.ttl and state.ttl.clock == "event" and not info.timed then return nil end end
      local columns = gives and columns_of(op, info)
      return columns and stateless.with(info, { columns = columns, order = info.keys, timed = info.timed and not op.uses_clock or false,
        other = false, untold = info.untold or op.uses_clock }) or nil
    end,
    text = function(op, info)
      local declared, shared, types, lines = {}, {}, {}, {}
      for i, state in ipairs(op.states) do declared[i] = states.text(state) end
      for i, state in ipairs(op.broadcast or {}) do shared[i] = states.text(state) end
      for i, column in ipairs(columns_of(op, info)) do types[i] = ("%s = %q"):format(column.name, values.type_text(column)) end
      for i, of in ipairs(FUNCTIONS[verb]) do
        lines[i] = ("    %s = function(%s)\n%s\n    end,\n"):format(of[1], of[3], programs.text(op, info_of(of[2], info), op[of[2]], of[2]))
      end
      return ('\n:%s(%s%q, {\n    state = { %s },%s\n%s  })%s:returns { %s }'):format(verb, OTHER[verb](info), op.name,
        table.concat(declared, ", "), op.broadcast and ("\n    broadcast = { %s },"):format(table.concat(shared, ", ")) or "",
        table.concat(lines), stateless.on_error_text(op), table.concat(types, ", "))
    end,
    sides = function(op, info)
      return op.side and programs.gives_side(op.each) and { [op.side] = { columns = info.columns, order = info.keys } } or {}
    end,
    model = function(op, info, out)
      return setmetatable({ op = op, out = out, keys = info.keys, columns = info.columns, other = info.other, live = {}, shared = {},
        timers = timers.new() }, programs.Operator)
    end,
    dead = function(op, info) return op.dead and dead_columns(op, info) end,
    by_clock = function(op) return op.uses_clock end,
    joins = verb ~= "process" and (verb == "connect" and "right" or "rule") or nil,
  }
end

for verb in pairs(FUNCTIONS) do family[verb] = operator(verb) end

return { operators = family }
