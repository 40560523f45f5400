-- What a sink got against what it should have got: doubles to 1e-9, all else exact. Rows of a key in the order of what caused them;
-- otherwise as sets, where the rules leave the order open.
local expr = require "tests.oracle.expr"
local values = require "tests.oracle.values"

local compare = {}

local function close(a, b)
  if a == b then return true end
  if type(a) ~= "number" or type(b) ~= "number" then return false end
  return math.abs(a - b) <= 1e-9 * math.max(1, math.abs(a), math.abs(b))
end

local function shown(sink, row, of)
  local parts = {}
  if row.op then parts[1] = row.op end
  for _, column in ipairs(sink.columns) do parts[#parts + 1] = column.name .. "=" .. of(column, row[column.name]) end
  return table.concat(parts, " ")
end

-- All but the doubles, as a text, and the doubles.
local function parts_of(sink, row, of)
  local exact, doubles = { tostring(row.op) }, {}
  for i, column in ipairs(sink.columns) do
    local v = row[column.name]
    if column.type == "double" then doubles[#doubles + 1] = v or "null"
    elseif column.type == "list" and column.of.type == "double" and v then
      for j = 1, v.n or #v do doubles[#doubles + 1] = v[j] end
      exact[#exact + 1] = i .. "=" .. (v.n or #v)
    else exact[#exact + 1] = i .. "=" .. of(column, row[column.name]) end
  end
  return { exact = table.concat(exact, " "), doubles = doubles, text = shown(sink, row, of) }
end

local function same(a, b)
  if a.exact ~= b.exact then return false end
  for i, v in ipairs(a.doubles) do if not close(v, b.doubles[i]) then return false end end
  return true
end

-- The columns that order is of; nil: rows have none.
local function key_of(sink)
  if sink.order == "all" then return {} end
  if type(sink.order) ~= "table" then return nil end
  local columns = {}
  for i, name in ipairs(sink.order) do
    columns[i] = expr.by_name(sink.columns, name)
    if not columns[i] then return nil end
  end
  return columns
end

local function key_text(columns, row, of)
  local parts = {}
  for i, column in ipairs(columns) do parts[i] = of(column, row[column.name]) end
  return table.concat(parts, "|")
end

-- Takes what equals `wanted` out of a list, among the first so many.
local function take(list, wanted, among)
  for i = 1, math.min(among, #list) do if same(list[i], wanted) then return table.remove(list, i) end end
end

---The first difference, or nil. expected: { { row =, tick = } }; actual: rows as t:take gives them.
function compare.rows(sink, expected, actual)
  local left, right = {}, {}
  for i, e in ipairs(expected) do left[i] = parts_of(sink, e.row, values.text) end
  for i, row in ipairs(actual) do right[i] = parts_of(sink, row, values.taken) end
  local rest = {}
  for i, r in ipairs(right) do rest[i] = r end
  for _, wanted in ipairs(left) do
    if not take(rest, wanted, #rest) then
      return "missing    " .. wanted.text .. (rest[1] and "\nthere is   " .. rest[1].text or "")
    end
  end
  if rest[1] then return "unexpected " .. rest[1].text end
  local key = key_of(sink)
  if not key then return nil end
  local lists = {}
  for i, row in ipairs(actual) do
    local text = key_text(key, row, values.taken)
    lists[text] = lists[text] or {}
    table.insert(lists[text], right[i])
  end
  -- Rows of one cause are in no order among themselves: as many as have its tick stand first.
  for i, e in ipairs(expected) do
    local text, many = key_text(key, e.row, values.text), 0
    for j = i, #expected do
      if expected[j].tick == e.tick and key_text(key, expected[j].row, values.text) == text then many = many + 1 end
    end
    if not take(lists[text], left[i], many) then
      return "out of order: expected next of its key " .. left[i].text .. "\nthere is " .. lists[text][1].text
    end
  end
end

return compare
