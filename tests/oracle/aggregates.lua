-- Aggregates of some rows, computed anew from all of them: what docs/guide/aggregates.md says, nothing remembered.
local expr = require "tests.oracle.expr"

local aggregates = {}

local NUMBERS = { int = true, int64 = true, double = true, decimal = true }

local function kept(rows, name)
  local found = { n = 0 }
  for _, row in ipairs(rows) do
    if row[name] ~= nil then
      found.n = found.n + 1
      found[found.n] = row[name]
    end
  end
  return found
end

local function sum_of(list)
  local sum = list[1]
  for i = 2, list.n do sum = sum + list[i] end
  return sum
end

-- Of decimals: half up, away from zero, with at least six digits behind the point.
local function decimal_mean(sum, count, scale)
  local more = math.max(scale, 6) - scale
  local units = sum * (10 ^ more + 0LL)
  local negative = units < 0
  if negative then units = -units end
  local mean = (2 * units + count) / (2LL * count)
  return negative and -mean or mean
end

local function mean(list, column)
  if list.n == 0 then return nil end
  if column.type == "decimal" then return decimal_mean(sum_of(list), list.n, column.scale) end
  return tonumber(sum_of(list)) / list.n
end

local function number_of(v, column)
  return column.type == "decimal" and tonumber(v) / 10 ^ column.scale or tonumber(v)
end

local function variance(list, column, population)
  local divisor = population and list.n or list.n - 1
  if divisor < 1 then return nil end
  local total, squares = 0, 0
  for i = 1, list.n do total = total + number_of(list[i], column) end
  for i = 1, list.n do squares = squares + (number_of(list[i], column) - total / list.n) ^ 2 end
  return squares / divisor
end

local function best(rows, name, by, better)
  local chosen
  for _, row in ipairs(rows) do
    if row[by] ~= nil and (chosen == nil or better(row[by], chosen[by])) then chosen = row end
  end
  return chosen and chosen[name]
end

local function less(a, b) return a < b end
local function greater(a, b) return b < a end

local function extreme(list, better)
  local found = list[1]
  for i = 2, list.n do if better(list[i], found) then found = list[i] end end
  return found
end

local function same_type(column) return { type = column.type, scale = column.scale, precision = column.precision } end

local function widened(column)
  return column.type == "decimal" and { type = "decimal", scale = column.scale, precision = 38 } or { type = column.type }
end

local function is_number(column) return NUMBERS[column.type] end
local function is_compared(column) return NUMBERS[column.type] or column.type == "string" or column.type == "timestamp" end
local function is_ordered(column) -- by what is compared of them
  return not column.inexact and is_compared(column)
end
local function is_small(column) return NUMBERS[column.type] and not column.large and not column.inexact end
local function is_any(column) return column.type ~= "list" end

-- takes(column), gives(column), of(rows, aggregate, column); ordered: it depends on the order of arrival
local KINDS = {
  count = { gives = function() return { type = "int" } end, of = function(rows) return #rows end },
  sum = { takes = is_number, gives = widened, rounds = true, of = function(rows, a) return sum_of(kept(rows, a.field)) end },
  avg = { takes = is_number, rounds = true,
    gives = function(c)
      return c.type == "decimal" and { type = "decimal", scale = math.max(c.scale, 6), precision = 38 } or { type = "double" }
    end,
    of = function(rows, a, column) return mean(kept(rows, a.field), column) end },
  min = { takes = is_compared, gives = same_type, of = function(rows, a) return extreme(kept(rows, a.field), less) end },
  max = { takes = is_compared, gives = same_type, of = function(rows, a) return extreme(kept(rows, a.field), greater) end },
  first = { takes = is_any, gives = same_type, ordered = true, of = function(rows, a) return kept(rows, a.field)[1] end },
  last = { takes = is_any, gives = same_type, ordered = true,
    of = function(rows, a)
      local list = kept(rows, a.field)
      return list[list.n]
    end },
  list = { takes = is_any, ordered = true,
    gives = function(c) return { type = "list", of = same_type(c) } end,
    of = function(rows, a)
      local list = kept(rows, a.field)
      if a.limit and list.n > a.limit then list.n = a.limit end
      return list.n > 0 and list or nil
    end },
  min_by = { takes = is_any, gives = same_type, ordered = true, by = true,
    of = function(rows, a) return best(rows, a.field, a.by, less) end },
  max_by = { takes = is_any, gives = same_type, ordered = true, by = true,
    of = function(rows, a) return best(rows, a.field, a.by, greater) end },
  variance = { takes = is_small, rounds = true, gives = function() return { type = "double" } end,
    of = function(rows, a, column) return variance(kept(rows, a.field), column, a.population) end },
  stddev = { takes = is_small, rounds = true, gives = function() return { type = "double" } end,
    of = function(rows, a, column)
      local v = variance(kept(rows, a.field), column, a.population)
      return v and math.sqrt(v)
    end },
  count_distinct = { takes = function(c) return is_ordered(c) or c.type == "bool" end, gives = function() return { type = "int" } end,
    of = function(rows, a, column)
      local text, seen, n = require("tests.oracle.values").text, {}, 0
      local list = kept(rows, a.field)
      for i = 1, list.n do
        local key = text(column, list[i])
        if not seen[key] then seen[key], n = true, n + 1 end
      end
      return n
    end },
}
local NAMES = { "count", "sum", "avg", "min", "max", "first", "last", "list", "min_by", "max_by", "variance", "stddev",
  "count_distinct" }

local function fields_for(kind, columns)
  local found = {}
  for _, column in ipairs(columns) do if KINDS[kind].takes(column) then found[#found + 1] = column end end
  return found
end

-- Of these the engine adds up rows before it exchanges them, but for doubles and texts.
local EXACT = { "count", "sum", "avg", "min", "max" }

local function exact_columns(columns)
  local found = {}
  for _, column in ipairs(columns) do
    if column.type ~= "double" and column.type ~= "string" then found[#found + 1] = column end
  end
  return found
end

local function draw_one(random, columns, ordered, names)
  local kind = random:pick(names)
  if KINDS[kind].ordered and not ordered then return nil end
  if kind == "count" then return { kind = kind } end
  local fields = fields_for(kind, columns)
  if #fields == 0 then return nil end
  local one = { kind = kind, field = random:pick(fields).name }
  if KINDS[kind].by then
    local by = {}
    for _, column in ipairs(columns) do if is_ordered(column) then by[#by + 1] = column end end
    if #by == 0 then return nil end
    one.by = random:pick(by).name
  end
  if kind == "list" and random:chance(40) then one.limit = random:int(1, 3) end
  if (kind == "stddev" or kind == "variance") and random:chance(40) then one.population = true end
  return one
end

---One to four of them, of those that give the same in any order where `exact`: a list of { name =, kind =, field = }.
function aggregates.draw(random, columns, ordered, fresh, exact)
  local list, names = {}, NAMES
  if exact then columns, names = exact_columns(columns), EXACT end
  for _ = 1, random:int(1, 4) do
    local one = draw_one(random, columns, ordered, names)
    if one then
      one.name = fresh("g")
      list[#list + 1] = one
    end
  end
  if #list == 0 then list[1] = { name = fresh("g"), kind = "count" } end
  return list
end

---The columns that they give; nil: one of them does not fit.
function aggregates.columns(list, columns, ordered)
  local given = {}
  for _, one in ipairs(list) do
    local kind = KINDS[one.kind]
    local column = one.field and expr.by_name(columns, one.field)
    local by = one.by and expr.by_name(columns, one.by)
    if kind.ordered and not ordered or one.field and not (column and kind.takes(column)) or one.by and not (by and is_ordered(by)) then
      return nil
    end
    local made = kind.gives(column)
    made.name, made.nullable = one.name, 50
    -- Rounded in another order than the engine's: nothing may depend on equality or order of such values.
    made.inexact = made.type == "double" and (column.inexact or kind.rounds) or nil
    if made.of then made.of.inexact = column.inexact end
    -- Large beside their differences: a spread of them has few digits that can be told.
    made.large = column and (column.large or one.kind == "sum" or one.kind == "avg") or nil
    given[#given + 1] = made
  end
  return #given > 0 and given or nil
end

function aggregates.text(list)
  local parts = {}
  for _, one in ipairs(list) do
    local given = {}
    if one.field then given[1] = ("%q"):format(one.field) end
    if one.by then given[#given + 1] = ("%q"):format(one.by) end
    if one.limit then given[#given + 1] = ("{ limit = %d }"):format(one.limit) end
    if one.population then given[#given + 1] = "{ population = true }" end
    parts[#parts + 1] = ("%s = tm.%s(%s)"):format(one.name, one.kind, table.concat(given, ", "))
  end
  return "{ " .. table.concat(parts, ", ") .. " }"
end

---Of rows in the order of their arrival, into `result`.
function aggregates.into(result, list, rows, columns)
  for _, one in ipairs(list) do
    result[one.name] = KINDS[one.kind].of(rows, one, one.field and expr.by_name(columns, one.field))
  end
  return result
end

aggregates.is_ordered, aggregates.is_number, aggregates.kinds = is_ordered, is_number, KINDS
return aggregates
