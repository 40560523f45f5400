-- Operators that keep something of each key for as long as the job runs: rolling aggregates, distinct, dedup, top, min_by, max_by, reduce.
-- All of them keep every row that came and look through them again.
local aggregates = require "tests.oracle.aggregates"
local expr = require "tests.oracle.expr"
local keys = require "tests.oracle.keys"
local stateless = require "tests.oracle.families.stateless"

local family = {}

-- A table that makes what is not there: rows by key, keys in the order in which they came.
local function by_key(info)
  local kept = { list = {} }
  function kept.of(row)
    local key = keys.text(info.keys, row, info.columns)
    if not kept[key] then
      kept[key] = { rows = {} }
      kept.list[#kept.list + 1] = kept[key]
    end
    return kept[key]
  end
  return kept
end

local function key_columns(info)
  local columns = {}
  for i, name in ipairs(info.keys) do
    local from = expr.by_name(info.columns, name)
    columns[i] = { name = name, type = from.type, scale = from.scale, precision = from.precision, keep = from.keep }
  end
  return columns
end

local function emit_text(op) return op.final and 'emit = "final"' or nil end

-- What goes on behind an operator that emits every time, or at the end.
local function behind(info, op, columns)
  return stateless.with(info, { columns = columns, order = info.keys, timed = info.timed and not op.final or false,
    untold = op.final or info.untold }) -- whether the last watermark stands before or behind final rows is nowhere said
end

-- May it emit for every row? Only where rows have an order.
local function fits(op, info) return info.keys ~= nil and (op.final or info.order ~= nil) end

local function draw_final(random, info) return not info.order or random:chance(30) end

family.rolling = {
  draw = function(random, info, context)
    if not info.keys then return nil end
    local op = { op = "rolling", name = context.fresh("rolling"), final = draw_final(random, info) }
    op.aggregates = aggregates.draw(random, info.columns, info.order ~= nil, context.fresh)
    return op
  end,
  after = function(op, info)
    local made = fits(op, info) and aggregates.columns(op.aggregates, info.columns, info.order ~= nil)
    if not made then return nil end
    local columns = key_columns(info)
    for _, column in ipairs(made) do columns[#columns + 1] = column end
    return behind(info, op, columns)
  end,
  text = function(op)
    return (":aggregate(%q, %s%s)"):format(op.name, aggregates.text(op.aggregates), op.final and ', { emit = "final" }' or "")
  end,
  model = function(op, info, out)
    local kept = by_key(info)
    local function give(rows, time)
      local result = {}
      for _, name in ipairs(info.keys) do result[name] = rows[1][name] end
      out.emit(aggregates.into(result, op.aggregates, rows, info.columns), time)
    end
    return {
      row = function(row, time)
        local rows = kept.of(row).rows
        rows[#rows + 1] = row
        out.tick()
        if not op.final then give(rows, time) end
      end,
      finish = function() if op.final then for _, one in ipairs(kept.list) do give(one.rows) end end end,
    }
  end,
}

local SHORT = { "count", "sum", "min", "max", "avg" }

-- count{}, sum("f", {}): one aggregate with a name of its own.
family.short = {
  draw = function(random, info, context)
    if not info.keys then return nil end
    local op = { op = "short", kind = random:pick(SHORT), name = context.fresh("short"), final = draw_final(random, info) }
    if op.kind ~= "count" then
      local fields = {}
      for _, column in ipairs(info.columns) do if aggregates.kinds[op.kind].takes(column) then fields[#fields + 1] = column.name end end
      if #fields == 0 then return nil end
      op.field = random:pick(fields)
    end
    op.as = random:chance(50) and context.fresh("as") or nil
    return op
  end,
  after = function(op, info)
    local one = { { name = op.as or op.kind, kind = op.kind, field = op.field } }
    return family.rolling.after({ aggregates = one, final = op.final }, info)
  end,
  text = function(op)
    local options = { ("name = %q"):format(op.name) }
    if op.as then options[2] = ("as = %q"):format(op.as) end
    options[#options + 1] = emit_text(op)
    return (":%s(%s{ %s })"):format(op.kind, op.field and ("%q, "):format(op.field) or "", table.concat(options, ", "))
  end,
  model = function(op, info, out)
    return family.rolling.model({ aggregates = { { name = op.as or op.kind, kind = op.kind, field = op.field } }, final = op.final },
      info, out)
  end,
}

-- The first row of each identity; with a time to live it may come again so long after it went on.
local function first_rows(names, op, info, out)
  local last = {}
  return { row = function(row, time)
    local key = keys.text(info.keys, row, info.columns) .. "\n" .. keys.text(names, row, info.columns)
    if last[key] and not (op.ttl and out.now() >= last[key] + op.ttl) then return end
    last[key] = out.now()
    out.tick()
    out.emit(row, time)
  end }
end

local function after_first(op, info)
  if not info.keys or not info.order then return nil end
  for _, name in ipairs(op.names or {}) do
    local column = expr.by_name(info.columns, name)
    if not column or column.inexact then return nil end
  end
  for _, column in ipairs(info.columns) do
    if column.type == "list" or column.inexact and not op.names then return nil end
  end
  return stateless.with(info, { order = info.keys })
end

local function draw_ttl(random, context) return context.steps and random:chance(50) and random:pick { 5, 20, 50, 100 } or nil end

family.distinct = {
  draw = function(random, info, context)
    return info.keys and { op = "distinct", name = context.fresh("distinct"), ttl = draw_ttl(random, context) }
  end,
  after = after_first,
  text = function(op) return (":distinct { name = %q%s }"):format(op.name, op.ttl and (", ttl = %d"):format(op.ttl) or "") end,
  model = function(op, info, out)
    local names = {}
    for i, column in ipairs(info.columns) do names[i] = column.name end
    return first_rows(names, op, info, out)
  end,
}

family.dedup = {
  draw = function(random, info, context)
    if not info.keys then return nil end
    local names = {}
    for i, column in ipairs(info.columns) do names[i] = column.name end
    local chosen = {}
    for _ = 1, random:int(1, 2) do
      local name = random:pick(names)
      if name ~= chosen[1] then chosen[#chosen + 1] = name end
    end
    return { op = "dedup", names = chosen, name = context.fresh("dedup"), ttl = draw_ttl(random, context) }
  end,
  after = function(op, info) return #op.names > 0 and after_first(op, info) or nil end,
  text = function(op)
    return (':dedup({ "%s" }, { name = %q%s })'):format(table.concat(op.names, '", "'), op.name,
      op.ttl and (", ttl = %d"):format(op.ttl) or "")
  end,
  model = function(op, info, out) return first_rows(op.names, op, info, out) end,
}

local function ordered_columns(info)
  local found = {}
  for _, column in ipairs(info.columns) do if aggregates.is_ordered(column) then found[#found + 1] = column.name end end
  return found
end

-- The n best rows in order: of equal ones the earlier.
local function ranking(op, rows)
  local list = {}
  for _, row in ipairs(rows) do
    local at = #list + 1
    while at > 1 do
      local a, b = row[op.by], list[at - 1][op.by]
      local better
      if op.ascending then better = a < b else better = b < a end
      if not better then break end
      at = at - 1
    end
    table.insert(list, at, row)
  end
  while #list > op.n do table.remove(list) end
  return list
end

local function change(kind, row, rank, place)
  local made = {}
  for k, v in pairs(row) do made[k] = v end
  made.op = kind
  if rank then made[rank] = place end
  return made
end

-- Rows that came in and fell out.
local function changes(out, before, now, time)
  local had, has = {}, {}
  for _, row in ipairs(before) do had[row] = true end
  for _, row in ipairs(now) do
    has[row] = true
    if not had[row] then out.emit(change("+I", row), time) end
  end
  for _, row in ipairs(before) do if not has[row] then out.emit(change("-D", row), time) end end
end

-- Places that have another row.
local function places(out, before, now, rank, time)
  for place = 1, #now do
    if before[place] ~= now[place] then
      if before[place] then
        out.emit(change("-U", before[place], rank, place), time)
        out.emit(change("+U", now[place], rank, place), time)
      else
        out.emit(change("+I", now[place], rank, place), time)
      end
    end
  end
end

family.top = {
  draw = function(random, info, context)
    local by = info.keys and ordered_columns(info) or {}
    if #by == 0 then return nil end
    return { op = "top", n = random:int(1, 4), by = random:pick(by), name = context.fresh("top"), final = random:chance(30),
      ascending = random:chance(40), rank = random:chance(40) and context.fresh("rank") or nil }
  end,
  after = function(op, info)
    local by = expr.by_name(info.columns, op.by)
    if not info.keys or not info.order or not by or not aggregates.is_ordered(by) then return nil end
    local columns = {}
    for i, column in ipairs(info.columns) do columns[i] = column end
    if op.rank then columns[#columns + 1] = { name = op.rank, type = "int" } end
    local after = behind(info, op, columns)
    after.changelog = not op.final
    if not op.final then after.order = nil end -- of one row's changes
    return after
  end,
  text = function(op)
    local options = { ("name = %q"):format(op.name) }
    if op.ascending then options[#options + 1] = 'order = "asc"' end
    if op.rank then options[#options + 1] = ("rank = %q"):format(op.rank) end
    options[#options + 1] = emit_text(op)
    return (":top(%d, %q, { %s })"):format(op.n, op.by, table.concat(options, ", "))
  end,
  model = function(op, info, out)
    local kept = by_key(info)
    return {
      row = function(row, time)
        if row[op.by] == nil then return end
        local rows = kept.of(row).rows
        local before = ranking(op, rows)
        rows[#rows + 1] = row
        if op.final then return end
        out.tick()
        local now = ranking(op, rows)
        if op.rank then places(out, before, now, op.rank, time) else changes(out, before, now, time) end
      end,
      finish = function()
        if not op.final then return end
        for _, one in ipairs(kept.list) do
          for place, row in ipairs(ranking(op, one.rows)) do
            out.tick()
            out.emit(change(nil, row, op.rank, place))
          end
        end
      end,
    }
  end,
}

family.extreme = {
  draw = function(random, info, context)
    local by = info.keys and ordered_columns(info) or {}
    if #by == 0 then return nil end
    return { op = "extreme", kind = random:pick { "min_by", "max_by" }, by = random:pick(by), name = context.fresh("extreme"),
      final = random:chance(30) }
  end,
  after = function(op, info)
    local by = expr.by_name(info.columns, op.by)
    if not info.keys or not info.order or not by or not aggregates.is_ordered(by) then return nil end
    return behind(info, op, info.columns)
  end,
  text = function(op)
    return (":%s(%q, { name = %q%s })"):format(op.kind, op.by, op.name, op.final and ', emit = "final"' or "")
  end,
  model = function(op, info, out)
    local kept = by_key(info)
    local rule = { n = 1, by = op.by, ascending = op.kind == "min_by" }
    return {
      row = function(row, time)
        if row[op.by] == nil then return end
        local rows = kept.of(row).rows
        rows[#rows + 1] = row
        out.tick()
        if not op.final then out.emit(ranking(rule, rows)[1], time) end
      end,
      finish = function()
        if op.final then for _, one in ipairs(kept.list) do out.emit(ranking(rule, one.rows)[1]) end end
      end,
    }
  end,
}

-- reduce: how each column of the result is made of the kept row's and the new one's.
local function reduced(op, info, a, e)
  if op.pick then
    local left, right = a[op.pick] or 0, e[op.pick] or 0
    return right >= left and e or a
  end
  local row = {}
  for _, column in ipairs(info.columns) do
    local how, name = op.how[column.name], column.name
    if how == "sum" then row[name] = (a[name] or 0) + (e[name] or 0)
    elseif how == "kept" then row[name] = a[name]
    else row[name] = e[name] end
  end
  return row
end

family.reduce = {
  draw = function(random, info, context)
    if not info.keys then return nil end
    local op = { op = "reduce", name = context.fresh("reduce"), final = random:chance(30), how = {} }
    local ints = expr.of_types(info.columns, "int")
    if #ints > 0 and random:chance(40) then
      op.pick = random:pick(ints).name
    else
      for _, column in ipairs(info.columns) do
        op.how[column.name] = column.type == "int" and random:chance(50) and not context.is_key(column) and "sum"
          or random:pick { "kept", "new" }
      end
      for _, name in ipairs(info.keys) do op.how[name] = "kept" end
    end
    return op
  end,
  after = function(op, info)
    if not info.keys or not info.order then return nil end
    if op.pick and not expr.by_name(info.columns, op.pick) then return nil end
    local after = behind(info, op, info.columns)
    after.untold = info.untold or op.final
    return after
  end,
  text = function(op, info)
    local body
    if op.pick then
      body = ("if (e.%s or 0) >= (a.%s or 0) then return e end return a"):format(op.pick, op.pick)
    else
      local parts = {}
      for i, column in ipairs(info.columns) do
        local how, name = op.how[column.name], column.name
        parts[i] = how == "sum" and ("%s = (a.%s or 0) + (e.%s or 0)"):format(name, name, name)
          or ("%s = %s.%s"):format(name, how == "kept" and "a" or "e", name)
      end
      body = "return { " .. table.concat(parts, ", ") .. " }"
    end
    return (":reduce(%q, function(a, e) %s end%s)"):format(op.name, body, op.final and ', { emit = "final" }' or "")
  end,
  model = function(op, info, out)
    local kept = by_key(info)
    return {
      row = function(row, time)
        local one = kept.of(row)
        one.row = one.row and reduced(op, info, one.row, row) or row
        out.tick()
        if not op.final then out.emit(one.row, time) end
      end,
      finish = function() if op.final then for _, one in ipairs(kept.list) do out.emit(one.row) end end end,
    }
  end,
}

return { operators = family }
