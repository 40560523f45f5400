-- Expressions over a row, as data: { "col", name }, { "var", name }, { "const", value },
-- { operator, a, b }. Each has a text in Lua, for the job, and a value, for the model. What is drawn is never null, and small.
local expr = {}

local function by_name(columns, name)
  for _, column in ipairs(columns) do if column.name == name then return column end end
end

local BINARY = { add = "+", sub = "-", mul = "*", mod = "%", cat = "..", lt = "<", le = "<=", eq = "==", ne = "~=",
  ["and"] = "and", ["or"] = "or" }

---Its text; `e` is the name of the row.
function expr.text(x, e)
  local kind = x[1]
  if kind == "col" then return e .. "." .. x[2] end
  if kind == "var" then return x[2] end
  if kind == "const" then return type(x[2]) == "string" and ("%q"):format(x[2]) or tostring(x[2]) end
  if kind == "guard" then return ("(%s.%s or %s)"):format(e, x[2], expr.text({ "const", x[3] }, e)) end
  if kind == "is_null" then return ("(%s.%s == nil)"):format(e, x[2]) end
  if kind == "not" then return "(not " .. expr.text(x[2], e) .. ")" end
  if kind == "len" then return "#" .. expr.text(x[2], e) end
  if kind == "tostring" then return "tostring(" .. expr.text(x[2], e) .. ")" end
  if kind == "div" then return ("(%s / %s + 0)"):format(expr.text(x[2], e), expr.text(x[3], e)) end -- not -0
  return ("(%s %s %s)"):format(expr.text(x[2], e), BINARY[kind], expr.text(x[3], e))
end

---Its value for a row.
function expr.value(x, row)
  local kind = x[1]
  if kind == "col" or kind == "var" then return row[x[2]] end
  if kind == "const" then return x[2] end
  if kind == "guard" then
    local v = row[x[2]]
    if v == nil then v = x[3] end
    return v
  end
  if kind == "is_null" then return row[x[2]] == nil end
  if kind == "not" then return not expr.value(x[2], row) end
  if kind == "len" then return #expr.value(x[2], row) end
  if kind == "tostring" then return ("%.0f"):format(expr.value(x[2], row)) end
  local a = expr.value(x[2], row)
  if kind == "and" then return a and expr.value(x[3], row) end
  if kind == "or" then return a or expr.value(x[3], row) end
  local b = expr.value(x[3], row)
  if kind == "add" then return a + b end
  if kind == "sub" then return a - b end
  if kind == "mul" then return a * b end
  if kind == "mod" then return a - math.floor(a / b) * b end
  if kind == "div" then return a / b + 0 end
  if kind == "cat" then return a .. b end
  if kind == "lt" then return a < b end
  if kind == "le" then return a <= b end
  if kind == "eq" then return a == b end
  if kind == "ne" then return a ~= b end
  error("no such expression: " .. tostring(kind))
end

---Do all columns that it names exist?
function expr.fits(x, columns)
  if x[1] == "col" or x[1] == "guard" or x[1] == "is_null" then return by_name(columns, x[2]) ~= nil end
  for i = 2, #x do if type(x[i]) == "table" and not expr.fits(x[i], columns) then return false end end
  return true
end

---Does it name a variable of a function?
function expr.names_variable(x)
  for i = 2, #x do if type(x[i]) == "table" and expr.names_variable(x[i]) then return true end end
  return x[1] == "var"
end

local function of_types(columns, ...)
  local found = {}
  for _, column in ipairs(columns) do
    for _, kind in ipairs { ... } do
      if column.type == kind and not column.inexact and not column.large then found[#found + 1] = column end
    end
  end
  return found
end

---A whole number that is never null, from int columns.
function expr.draw_int(random, columns, depth)
  local ints, texts = of_types(columns, "int"), of_types(columns, "string")
  if depth and depth <= 0 or #ints == 0 then
    if #ints > 0 and random:chance(70) then return { "guard", random:pick(ints).name, random:int(-3, 3) } end
    return { "const", random:int(-5, 20) }
  end
  local left = (depth or 2) - 1
  local kind = random:weighted { { 3, "add" }, { 2, "sub" }, { 1, "mul" }, { 2, "mod" }, { 2, "leaf" }, { 1, "len" } }
  if kind == "len" and #texts > 0 then return { "len", { "guard", random:pick(texts).name, "" } } end
  if kind == "mul" then return { "mul", expr.draw_int(random, columns, left), { "const", random:int(-2, 3) } } end
  if kind == "mod" then return { "mod", expr.draw_int(random, columns, left), { "const", random:int(2, 9) } } end
  if kind == "leaf" or kind == "len" then return expr.draw_int(random, columns, 0) end
  return { kind, expr.draw_int(random, columns, left), expr.draw_int(random, columns, left) }
end

function expr.draw_double(random, columns)
  local doubles = of_types(columns, "double")
  if #doubles == 0 then return { "div", expr.draw_int(random, columns, 1), { "const", 4 } } end
  local leaf = { "guard", random:pick(doubles).name, 0.5 }
  if random:chance(40) then return leaf end
  return { random:pick { "add", "sub" }, leaf, expr.draw_int(random, columns, 1) }
end

function expr.draw_text(random, columns)
  local texts = of_types(columns, "string")
  local leaf = #texts > 0 and { "guard", random:pick(texts).name, "none" } or { "const", "text" }
  if random:chance(40) then return leaf end
  if random:chance(50) then return { "cat", leaf, { "const", random:pick { "!", "-x", "" } } } end
  return { "cat", leaf, { "tostring", { "mod", expr.draw_int(random, columns, 1), { "const", 3 } } } }
end

---True or false.
function expr.draw_condition(random, columns, depth)
  local kind = random:weighted { { 6, "compare" }, { 2, "is_null" }, { 2, "text" }, { 1, "not" }, { 2, "both" } }
  depth = depth or 2
  local texts = of_types(columns, "string")
  if kind == "not" and depth > 0 then return { "not", expr.draw_condition(random, columns, depth - 1) } end
  if kind == "both" and depth > 0 then
    return { random:pick { "and", "or" }, expr.draw_condition(random, columns, depth - 1), expr.draw_condition(random, columns, depth - 1) }
  end
  if kind == "is_null" then
    local x = { "is_null", random:pick(columns).name }
    return random:chance(50) and { "not", x } or x
  end
  if kind == "text" and #texts > 0 then
    local text = { "guard", random:pick(texts).name, "" }
    return { random:pick { "eq", "ne", "lt", "le" }, text, { "const", random:pick { "a", "b", "abc", "" } } }
  end
  return { random:pick { "lt", "le", "eq", "ne" }, expr.draw_int(random, columns, 1), { "const", random:int(-4, 12) } }
end

expr.by_name = by_name
expr.of_types = of_types
return expr
