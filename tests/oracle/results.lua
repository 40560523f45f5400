-- What a window gives of its rows: aggregates, a function behind them, a function over all rows, one row by reduce, an aggregate made
-- by tm.aggregate. A result is { form =, ... }; everything is computed anew from the rows.
--
-- A form has
--   draw(random, info, op, context) -> result   nil: not here
--   columns(result, op, info) -> columns        behind key and bounds; nil: it does not fit
--   text(result, op, info) -> text              of the call
--   rows(result, w, kept) -> list of rows       w: { keys = row of the key's columns, first =, last =, bounded =, calls = of the key }
local aggregates = require "tests.oracle.aggregates"
local expr = require "tests.oracle.expr"
local values = require "tests.oracle.values"

local results = {}
local FORMS = {}

local function is_bounded(op) return op.kind ~= "global" and op.kind ~= "count" end

local function key_text(info, name) return #info.keys > 1 and "key." .. name or "key" end

local function with_keys(w, row)
  for name, value in pairs(w.keys) do row[name] = value end
  if w.bounded then row.window_start, row.window_end = w.first, w.last + 1 end
  return row
end

-- The beginning of a table of a row that a function emits.
local function head_text(op, info)
  local parts = {}
  for i, name in ipairs(info.keys) do parts[i] = ("%s = %s"):format(name, key_text(info, name)) end
  if is_bounded(op) then parts[#parts + 1] = "window_start = ctx.window_start, window_end = ctx.window_end" end
  return table.concat(parts, ", ")
end

local function returns_text(columns)
  local parts = {}
  for i, column in ipairs(columns) do parts[i] = ("%s = %q"):format(column.name, values.type_text(column)) end
  return ':on_error("skip"):returns { ' .. table.concat(parts, ", ") .. " }"
end

local function aggregates_columns(result, _, info) return aggregates.columns(result.aggregates, info.columns, info.order ~= nil) end

local OF_SLICES = { tumbling = true, sliding = true, cumulate = true }

FORMS.aggregates = {
  draw = function(random, info, op, context)
    local exact = op and OF_SLICES[op.kind] and random:chance(50)
    return { aggregates = aggregates.draw(random, info.columns, info.order ~= nil, context.fresh, exact) }
  end,
  columns = aggregates_columns,
  text = function(result, op) return (":aggregate(%q, %s)"):format(op.name, aggregates.text(result.aggregates)) end,
  rows = function(result, w, kept, columns) return { aggregates.into(with_keys(w, {}), result.aggregates, kept, columns) } end,
}

-- One row or two of what was aggregated.
FORMS.behind = {
  draw = function(random, info, _, context)
    local result = FORMS.aggregates.draw(random, info, nil, context)
    result.number, result.times = context.fresh("n"), random:int(1, 2)
    return result
  end,
  columns = function(result, op, info)
    local columns = aggregates_columns(result, op, info)
    if columns then columns[#columns + 1] = { name = result.number, type = "int" } end
    return columns
  end,
  text = function(result, op, info, columns)
    local parts = {}
    for i, one in ipairs(result.aggregates) do parts[i] = ("%s = w.%s"):format(one.name, one.name) end
    return (":aggregate(%q, %s, function(ctx, key, w)\n    for i = 1, %d do ctx:emit { %s, %s, %s = i } end\n  end)%s"):format(op.name,
      aggregates.text(result.aggregates), result.times, head_text(op, info), table.concat(parts, ", "), result.number,
      returns_text(columns))
  end,
  rows = function(result, w, kept, columns)
    local rows = {}
    for i = 1, result.times do
      rows[i] = aggregates.into(with_keys(w, {}), result.aggregates, kept, columns)
      rows[i][result.number] = i
    end
    return rows
  end,
}

-- Windows of time that stay themselves: what a function keeps of each is gone with it.
local function has_cells(op) return op.kind == "tumbling" or op.kind == "sliding" or op.kind == "cumulate" end

-- What a window's function knows of the firings that have not failed: how many, and the sums of all of them.
local function fired_again(window, sum)
  window.fired, window.sums = (window.fired or 0) + 1, (window.sums or 0) + sum
  return window.fired * 1000000 + window.sums % 1000000
end

-- Of all rows: how many, weighed by their places, the last one's; perhaps how many windows the key had, what its firings were, and
-- failing for some.
FORMS.process = {
  ordered = true,
  draw = function(random, info, op, context)
    return { x = expr.draw_int(random, info.columns, 1), text = expr.draw_text(random, info.columns), number = context.fresh("n"),
      counts = random:chance(40), fired = has_cells(op) and random:chance(40) or nil, every = random:chance(30) and random:int(1, 3) or nil,
      fails = not op.evict and not op.trigger and random:chance(20) and random:int(2, 4) or nil }
  end,
  columns = function(result, _, info)
    if not expr.fits(result.x, info.columns) or not expr.fits(result.text, info.columns) then return nil end
    return { { name = result.number, type = "int" }, { name = result.number .. "w", type = "int", large = true },
      { name = result.number .. "t", type = "string" }, { name = result.number .. "c", type = "int" },
      { name = result.number .. "f", type = "int" } }
  end,
  text = function(result, op, info, columns)
    local n, lines = result.number, {}
    local function add(line, ...) lines[#lines + 1] = "    " .. line:format(...) end
    add("local sum = 0")
    add("for i, e in ipairs(rows) do sum = sum + i * %s end", expr.text(result.x, "e"))
    add("local e = rows[#rows]")
    local count = "0"
    if result.counts then
      add("ctx.state.calls:set(ctx.state.calls:get() + 1)")
      count = "ctx.state.calls:get()"
    end
    local fired = "0"
    if result.fired then
      add("local times = ctx.window_state.times:get() + 1")
      add("ctx.window_state.times:set(times) ctx.window_state.sums:add(sum)")
      add("local all = 0")
      add("for _, s in ipairs(ctx.window_state.sums:get()) do all = all + s end")
      fired = "times * 1000000 + all % 1000000"
    end
    add("ctx:emit { %s, %s = #rows, %sw = sum, %st = %s, %sc = %s, %sf = %s }", head_text(op, info), n, n, n,
      expr.text(result.text, "e"), n, count, n, fired)
    if result.every then
      add("for i = 1, #rows do if i %% %d == 0 then ctx:emit { %s, %s = i, %sw = 0, %st = %s, %sc = 0, %sf = 0 } end end",
        result.every + 1, head_text(op, info), n, n, n, expr.text(result.text, "rows[i]"), n, n)
    end
    if result.fails then add("if #rows %% %d == 0 then error(\"as planned\") end", result.fails) end
    local body = "function(ctx, key, rows)\n" .. table.concat(lines, "\n") .. "\n  end"
    local states = {}
    if result.counts then states[1] = 'state = { calls = tm.value("int", { default = 0 }) }, ' end
    if result.fired then
      states[#states + 1] = 'window_state = { times = tm.value("int", { default = 0 }), sums = tm.list("int") }, '
    end
    if states[1] then body = ("{ %seach = %s }"):format(table.concat(states), body) end
    return (":process(%q, %s)%s"):format(op.name, body, returns_text(columns))
  end,
  rows = function(result, w, kept)
    if result.fails and #kept % result.fails == 0 then return {} end
    w.calls.n = (w.calls.n or 0) + 1
    local n, sum = result.number, 0
    for i, row in ipairs(kept) do sum = sum + i * expr.value(result.x, row) end
    local rows = { with_keys(w, { [n] = #kept, [n .. "w"] = sum, [n .. "t"] = expr.value(result.text, kept[#kept]),
      [n .. "c"] = result.counts and w.calls.n or 0, [n .. "f"] = result.fired and fired_again(w.window, sum) or 0 }) }
    for i, row in ipairs(kept) do
      if result.every and i % (result.every + 1) == 0 then
        rows[#rows + 1] = with_keys(w, { [n] = i, [n .. "w"] = 0, [n .. "t"] = expr.value(result.text, row), [n .. "c"] = 0,
          [n .. "f"] = 0 })
      end
    end
    return rows
  end,
}

local function is_key(info, name)
  for _, key in ipairs(info.keys) do if key == name then return true end end
  return false
end

-- Made of two rows whatever their order: the one that has more of something, or sums beside the later one's.
FORMS.reduce = {
  draw = function(random, info)
    local id, ints = expr.by_name(info.columns, "id"), expr.of_types(info.columns, "int")
    if not id or not id.unique then return nil end
    local result = { pick = random:pick(ints).name }
    if random:chance(50) then
      result.sums = {}
      for _, column in ipairs(ints) do
        if column.name ~= "id" and not is_key(info, column.name) and random:chance(60) then result.sums[column.name] = true end
      end
    end
    return result
  end,
  columns = function(result, _, info)
    local id = expr.by_name(info.columns, "id")
    if not id or not id.unique or not expr.by_name(info.columns, result.pick) then return nil end
    for name in pairs(result.sums or {}) do if not expr.by_name(info.columns, name) or is_key(info, name) then return nil end end
    local columns = {}
    for _, column in ipairs(info.columns) do
      if not is_key(info, column.name) then
        local copy = {}
        for k, v in pairs(column) do copy[k] = v end
        columns[#columns + 1] = copy
      end
    end
    return columns
  end,
  text = function(result, op, info)
    local p = result.pick
    local body = ("local x, y, b = e.%s or 0, a.%s or 0, a if x > y or x == y and e.id > a.id then b = e end"):format(p, p)
    if not result.sums then return (":reduce(%q, function(a, e) %s return b end)"):format(op.name, body) end
    local parts = {}
    for i, column in ipairs(info.columns) do
      local name = column.name
      parts[i] = result.sums[name] and ("%s = (a.%s or 0) + (e.%s or 0)"):format(name, name, name) or ("%s = b.%s"):format(name, name)
    end
    return (":reduce(%q, function(a, e) %s return { %s } end)"):format(op.name, body, table.concat(parts, ", "))
  end,
  rows = function(result, w, kept, columns)
    local made = kept[1]
    for i = 2, #kept do
      local e, b = kept[i], made
      local left, right = made[result.pick] or 0, e[result.pick] or 0
      if right > left or right == left and e.id > made.id then b = e end
      local row = {}
      for _, column in ipairs(columns) do
        local name = column.name
        if result.sums and result.sums[name] then row[name] = (made[name] or 0) + (e[name] or 0) else row[name] = b[name] end
      end
      made = row
    end
    local row = {}
    for _, column in ipairs(columns) do row[column.name] = made[column.name] end
    return { with_keys(w, row) }
  end,
}

FORMS.custom = {
  draw = function(random, info, _, context)
    return { x = expr.draw_int(random, info.columns, 1), name = context.fresh("u"), result = random:chance(50) or nil }
  end,
  columns = function(result, _, info)
    if not expr.fits(result.x, info.columns) then return nil end
    return { { name = result.name .. "s", type = "int" }, { name = result.name .. "n", type = "int" } }
  end,
  text = function(result, op, info)
    local columns = FORMS.custom.columns(result, op, info)
    local s, n = result.name .. "s", result.name .. "n"
    local given = result.result and (",\n    result = function(a) return { %s = a.%s * 2, %s = a.%s } end"):format(s, s, n, n) or ""
    return ([[:aggregate(%q, tm.aggregate { accumulator = { %s = "int", %s = "int" },
    add = function(a, e) a.%s = a.%s + %s a.%s = a.%s + 1 end,
    merge = function(a, b) a.%s = a.%s + b.%s a.%s = a.%s + b.%s end%s })%s]]):format(op.name, s, n, s, s, expr.text(result.x, "e"), n, n,
      s, s, s, n, n, n, given, result.result and returns_text(columns) or "")
  end,
  rows = function(result, w, kept)
    local sum = 0
    for _, row in ipairs(kept) do sum = sum + expr.value(result.x, row) end
    return { with_keys(w, { [result.name .. "s"] = result.result and sum * 2 or sum, [result.name .. "n"] = #kept }) }
  end,
}

---@return table result that fits the windows of `op`
function results.draw(random, info, op, context)
  local form = random:weighted { { 10, "aggregates" }, { 3, "behind" }, { info.order and 5 or 0, "process" }, { 3, "reduce" },
    { 3, "custom" } }
  local result = FORMS[form].draw(random, info, op, context)
  if not result then form, result = "aggregates", FORMS.aggregates.draw(random, info, op, context) end
  result.form = form
  return result
end

---The columns of its rows; nil: it does not fit.
function results.columns(result, op, info)
  local form = FORMS[result.form]
  if form.ordered and not info.order then return nil end
  local made = form.columns(result, op, info)
  if not made then return nil end
  local columns = {}
  for _, name in ipairs(info.keys) do
    local from = expr.by_name(info.columns, name)
    columns[#columns + 1] = { name = name, type = from.type, scale = from.scale, precision = from.precision, keep = from.keep }
  end
  if is_bounded(op) then
    columns[#columns + 1] = { name = "window_start", type = "timestamp" }
    columns[#columns + 1] = { name = "window_end", type = "timestamp" }
  end
  for _, column in ipairs(made) do columns[#columns + 1] = column end
  for i, column in ipairs(columns) do
    for j = 1, i - 1 do if columns[j].name == column.name then return nil end end
  end
  return columns
end

function results.text(result, op, info)
  return FORMS[result.form].text(result, op, info, results.columns(result, op, info))
end

---Rows of a window with its rows in the order of their arrival.
function results.rows(result, w, kept, columns) return FORMS[result.form].rows(result, w, kept, columns) end

return results
