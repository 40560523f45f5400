-- Operators without state: map, flat_map, filter, assign, select, drop.
--
-- A family is a table of operators by name. An operator has
--   draw(random, info, context) -> op       plain data that is all there is to know; nil: not here
--   after(op, info) -> info                 of the stream behind it; nil: it does not fit behind what is before it
--   text(op, info) -> text                  of the call in the job
--   model(op, info, out) -> node            { row(row, time), watermark(at), deadline() -> ms, clock(now), finish() }, all but row
--                                           may be missing; out.emit(row, time), out.side(tag, row, time), out.now(), out.watermark()
--   sides(op, info) -> { tag = sink }       what it has beside its rows; dead(op, info) -> columns of its sink of dead letters, op.dead
-- and info is { columns =, timed =, order =, keys =, changelog = }: order is "all" when rows of every key have an order that does not
-- depend on the engine's choice, { names } when those with equal values of these columns have, nil when none.
local expr = require "tests.oracle.expr"

local family = {}

local function with(info, changes)
  local new = {}
  for k, v in pairs(info) do new[k] = v end
  for k, v in pairs(changes) do new[k] = v end
  new.keys = changes.keys
  if changes.order == false then new.order = nil end
  return new
end

-- Where rows that fail go: nowhere, or to a sink of dead letters.
local function on_error_text(op)
  if not op.dead then return ':on_error("skip")' end
  return (':on_error(tm.file { name = "%s", path = "%s.jsonl", format = "json" })'):format(op.dead, op.dead)
end

local function draw_dead(random, context) return random:chance(30) and context.fresh("dead") or nil end

local function bury(op, out, row, time) if op.dead then out.side(op.dead, row, time) end end

-- The order of rows that go on with these columns.
local function order_behind(info, columns)
  if type(info.order) ~= "table" then return info.order end
  for _, name in ipairs(info.order) do if not expr.by_name(columns, name) then return nil end end
  return info.order
end

local function passes(column) return { name = column.name, x = { "col", column.name }, passes = true } end

local function column_of(field, info)
  if field.passes then
    local from = expr.by_name(info.columns, field.x[2])
    return { name = field.name, type = from.type, scale = from.scale, precision = from.precision, nullable = from.nullable, of = from.of,
      keep = from.keep, inexact = from.inexact, large = from.large, unique = from.unique }
  end
  return { name = field.name, type = field.type }
end

local function columns_of(fields, info)
  local columns, seen = {}, {}
  for _, field in ipairs(fields) do
    if not expr.fits(field.x, info.columns) or seen[field.name] then return nil end
    seen[field.name] = true
    columns[#columns + 1] = column_of(field, info)
  end
  return #columns > 0 and columns or nil
end

local function draw_computed(random, info, name)
  local kind = random:weighted { { 4, "int" }, { 2, "double" }, { 2, "string" }, { 1, "bool" } }
  local x
  if kind == "int" then x = expr.draw_int(random, info.columns) end
  if kind == "double" then x = expr.draw_double(random, info.columns) end
  if kind == "string" then x = expr.draw_text(random, info.columns) end
  if kind == "bool" then x = expr.draw_condition(random, info.columns, 1) end
  return { name = name, x = x, type = kind }
end

local function draw_fields(random, info, context)
  local fields = {}
  for _, column in ipairs(info.columns) do
    if column.keep or random:chance(75) then
      local field = passes(column)
      if not column.keep and random:chance(15) then field.name = context.fresh("r") end
      fields[#fields + 1] = field
    end
  end
  for _ = 1, random:int(0, 2) do fields[#fields + 1] = draw_computed(random, info, context.fresh("c")) end
  return fields
end

local function table_text(fields, e, more)
  local parts = {}
  for _, field in ipairs(fields) do parts[#parts + 1] = field.name .. " = " .. expr.text(field.x, e) end
  if more then parts[#parts + 1] = more end
  return "{ " .. table.concat(parts, ", ") .. " }"
end

local function returns_text(fields, info, more)
  local parts = {}
  for _, field in ipairs(fields) do
    parts[#parts + 1] = ("%s = %q"):format(field.name, require("tests.oracle.values").type_text(column_of(field, info)))
  end
  if more then parts[#parts + 1] = more end
  return ":returns { " .. table.concat(parts, ", ") .. " }"
end

local function make(fields, row)
  local made = { op = row.op }
  for _, field in ipairs(fields) do made[field.name] = expr.value(field.x, row) end
  return made
end

family.map = {
  draw = function(random, info, context)
    return { op = "map", fields = draw_fields(random, info, context), declared = random:chance(40) }
  end,
  after = function(op, info)
    local columns = columns_of(op.fields, info)
    return columns and with(info, { columns = columns, order = order_behind(info, columns) or false })
  end,
  text = function(op, info)
    return (":map(function(e) return %s end)%s"):format(table_text(op.fields, "e"), op.declared and returns_text(op.fields, info) or "")
  end,
  model = function(op, _, out) return { row = function(row, time) out.emit(make(op.fields, row), time) end } end,
}

family.flat_map = {
  draw = function(random, info, context)
    if info.changelog then return nil end
    return { op = "flat_map", fields = draw_fields(random, info, context), number = context.fresh("j"),
      count = { "mod", expr.draw_int(random, info.columns, 1), { "const", random:int(2, 4) } } }
  end,
  after = function(op, info)
    local columns = columns_of(op.fields, info)
    if not columns or not expr.fits(op.count, info.columns) then return nil end
    columns[#columns + 1] = { name = op.number, type = "int" }
    for _, column in ipairs(columns) do column.unique = nil end
    return with(info, { columns = columns, order = order_behind(info, columns) or false })
  end,
  text = function(op, info)
    return (":flat_map(function(e, out) for j = 1, %s do out %s end end)%s"):format(expr.text(op.count, "e"),
      table_text(op.fields, "e", op.number .. " = j"), returns_text(op.fields, info, op.number .. ' = "int"'))
  end,
  model = function(op, _, out)
    return { row = function(row, time)
      for j = 1, expr.value(op.count, row) do
        local made = make(op.fields, row)
        made[op.number] = j
        out.emit(made, time)
      end
    end }
  end,
}

family.filter = {
  draw = function(random, info) return { op = "filter", condition = expr.draw_condition(random, info.columns) } end,
  after = function(op, info) return expr.fits(op.condition, info.columns) and with(info, {}) or nil end,
  text = function(op) return (":filter(function(e) return %s end)"):format(expr.text(op.condition, "e")) end,
  model = function(op, _, out)
    return { row = function(row, time) if expr.value(op.condition, row) then out.emit(row, time) end end }
  end,
}

-- Rows that fail.
family.check = {
  draw = function(random, info, context)
    if info.changelog then return nil end
    return { op = "check", condition = expr.draw_condition(random, info.columns, 1), dead = draw_dead(random, context) }
  end,
  after = function(op, info) return expr.fits(op.condition, info.columns) and with(info, {}) or nil end,
  text = function(op)
    return (':filter(function(e) if %s then error("as planned") end return true end)%s'):format(expr.text(op.condition, "e"),
      on_error_text(op))
  end,
  dead = function(op, info) return op.dead and info.columns end,
  model = function(op, _, out)
    return { row = function(row, time)
      if expr.value(op.condition, row) then bury(op, out, row, time) else out.emit(row, time) end
    end }
  end,
}

family.assign = {
  draw = function(random, info, context)
    return { op = "assign", field = draw_computed(random, info, context.fresh("a")), declared = random:chance(40) }
  end,
  after = function(op, info)
    if not expr.fits(op.field.x, info.columns) or expr.by_name(info.columns, op.field.name) then return nil end
    local columns = {}
    for i, column in ipairs(info.columns) do columns[i] = column end
    columns[#columns + 1] = { name = op.field.name, type = op.field.type }
    return with(info, { columns = columns })
  end,
  text = function(op, info)
    return (":assign { %s = function(e) return %s end }%s"):format(op.field.name, expr.text(op.field.x, "e"),
      op.declared and returns_text({ op.field }, info) or "")
  end,
  model = function(op, _, out)
    return { row = function(row, time)
      local made = {}
      for k, v in pairs(row) do made[k] = v end
      made[op.field.name] = expr.value(op.field.x, row)
      out.emit(made, time)
    end }
  end,
}

local function chosen(op, info)
  local columns = {}
  for _, name in ipairs(op.names) do
    if not expr.by_name(info.columns, name) then return nil end
  end
  for _, column in ipairs(info.columns) do
    local named = false
    for _, name in ipairs(op.names) do named = named or name == column.name end
    if named == (op.op == "select") then columns[#columns + 1] = column end
  end
  return #columns > 0 and columns or nil
end

local function choice(verb)
  return {
    draw = function(random, info)
      local names = {}
      for _, column in ipairs(info.columns) do
        if verb == "select" and (column.keep or random:chance(70)) or verb == "drop" and not column.keep and random:chance(25) then
          names[#names + 1] = column.name
        end
      end
      return #names > 0 and { op = verb, names = names } or nil
    end,
    after = function(op, info)
      local columns = #op.names > 0 and chosen(op, info)
      return columns and with(info, { columns = columns, order = order_behind(info, columns) or false }) or nil
    end,
    text = function(op) return (':%s("%s")'):format(verb, table.concat(op.names, '", "')) end,
    model = function(op, info, out)
      local columns = chosen(op, info)
      return { row = function(row, time)
        local made = { op = row.op }
        for _, column in ipairs(columns) do made[column.name] = row[column.name] end
        out.emit(made, time)
      end }
    end,
  }
end

family.select, family.drop = choice("select"), choice("drop")

-- Rows that were in order by some columns are in order by keys that these are part of.
local function order_behind_keys(order, names)
  if type(order) ~= "table" then return order end
  local found = {}
  for _, name in ipairs(names) do found[name] = true end
  for _, name in ipairs(order) do if not found[name] then return nil end end
  return names
end

family.key_by = {
  draw = function(random, info, context)
    local from = {}
    for _, column in ipairs(info.columns) do if context.is_key(column) then from[#from + 1] = column.name end end
    if #from == 0 then return nil end
    local names = random:some(from, 1, 25)
    while #names > 2 do table.remove(names, random:int(1, #names)) end
    return { op = "key_by", names = names, dead = draw_dead(random, context) }
  end,
  after = function(op, info)
    local names = {}
    for _, name in ipairs(op.names) do
      local column = expr.by_name(info.columns, name)
      if not column or info.changelog then return nil end
      names[#names + 1] = name
    end
    return #names > 0 and with(info, { keys = names, order = order_behind_keys(info.order, names) or false }) or nil
  end,
  text = function(op)
    local names = {}
    for i, name in ipairs(op.names) do names[i] = ("%q"):format(name) end
    return (#names == 1 and ":key_by(%s)%s" or ":key_by({ %s })%s"):format(table.concat(names, ", "), on_error_text(op))
  end,
  dead = function(op, info) return op.dead and info.columns end,
  model = function(op, _, out)
    return { row = function(row, time)
      for _, name in ipairs(op.names) do if row[name] == nil then return bury(op, out, row, time) end end
      out.emit(row, time)
    end }
  end,
}

return { operators = family, with = with, order_behind = order_behind, on_error_text = on_error_text, draw_dead = draw_dead }
