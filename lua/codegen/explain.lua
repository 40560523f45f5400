-- Why a value is none of its type: found by looking at all of it again, once it is known to be wrong. The message names the
-- way to the part that is wrong: `order.items[3].price`.
local any = require "codegen.any"
local fit = require "codegen.fit"
local list = require "codegen.list"
local problem = require "codegen.problem"
local records = require "codegen.records"
local views = require "codegen.views"

local explain = {}

local null
do
  local found, value = pcall(require, "tidemill.null")
  null = found and value or {}
end

local function step(path, key)
  if type(key) == "string" and key:find("^[%a_][%w_]*$") then return path .. "." .. key end
  return ("%s[%s]"):format(path, problem.show(key))
end

-- Fields by name of a table, record, struct or map; nil for anything else.
local function fields_of(x)
  if type(x) == "table" then return x end
  local t
  if views.type_of(x) and not views.is_list(x) then
    t = {}
    for k, v in views.pairs(x) do t[k] = v end
  elseif records.is(x) then
    t = {}
    for k, v in records.pairs(x) do t[k] = v end
  end
  return t
end

local find

local kinds = {}

function kinds.struct(tree, x, path)
  local t = fields_of(x)
  if not t then return path, "is a struct, given " .. problem.show(x), "a struct is given as a table of its fields" end
  local names = {}
  for i, f in ipairs(tree.of) do names[i] = f.name end
  local suggest = require "tidemill.suggest"
  for k in next, t do
    if not tree.by_name[k] then
      return path, ("is a struct without a field %s: it has %s"):format(problem.show(k), suggest.list(names)),
        type(k) == "string" and suggest.hint(k, names) or nil
    end
  end
  for _, f in ipairs(tree.of) do
    local at, why, hint = find(f.type, t[f.name], step(path, f.name), f.required)
    if at then return at, why, hint end
  end
end

function kinds.list(tree, x, path)
  local is_list = type(x) == "table" or (views.type_of(x) and views.is_list(x))
  if not is_list then return path, "is a list, given " .. problem.show(x), "a list is given as a table: { a, b, c }" end
  local n, why_not, how
  if type(x) == "table" then n, why_not, how = list.measure(x) else n = #x end
  if not n then return path, "is a list, " .. why_not, how end
  for i = 1, n do
    local at, why, hint = find(tree.of[1].type, x[i], step(path, i), tree.of[1].required)
    if at then return at, why, hint end
  end
  if n > 8388608 then return path, ("is a list of %d items; a list has at most 8388608"):format(n) end
end

function kinds.map(tree, x, path)
  local t = fields_of(x)
  if not t then return path, "is a map, given " .. problem.show(x), "a map is given as a table: { key = value }" end
  for k, v in next, t do
    local at, why, hint = find(tree.of[1].type, k, path .. ": a key", true)
    if not at then at, why, hint = find(tree.of[2].type, v, step(path, k), tree.of[2].required) end
    if at then return at, why, hint end
  end
end

function kinds.any(_, x, path)
  local function bad(v, at, depth)
    if depth > 128 then return at, "is an any value more than 128 levels deep" end
    local t = type(v)
    if t == "function" or t == "thread" or t == "userdata" then return at, "is an any value, given a " .. t end
    if t == "table" and not rawequal(v, null) then
      local must_be = any.is_array(v) and "is a list made by tm.array, " or list.is_numbered(v) and "is a list, "
      if must_be then
        local n, why_not, how = list.measure(v)
        if not n then return at, must_be .. why_not, how .. "; names of an object are texts" end
      end
      for k, part in next, v do
        if type(k) ~= "number" and type(k) ~= "string" then
          return at, ("is an any value with the key %s"):format(problem.show(k)), "keys are texts and numbers"
        end
        local a, why, hint = bad(part, step(at, k), depth + 1)
        if a then return a, why, hint end
      end
    elseif t == "cdata" and not views.type_of(v) and not records.is(v) and not fit.type_of(v) then
      return at, "is an any value, given " .. problem.show(v)
    end
  end
  return bad(x, path, 0)
end

-- Where and why `x` is none of the type; nil when it is.
function find(tree, x, path, required)
  if x == null then x = nil end
  if x == nil then
    if required then return path, "is required and was given null" end
    return nil
  end
  local kind = kinds[tree.kind]
  if kind then return kind(tree, x, path) end
  if fit.value({ name = path, type = tree.text, required = required }, x) then return nil end
  if tree.kind == "decimal" then
    local why, hint = fit.misfit(tree.text, x)
    if why then return path, ("is %s, given %s, which has %s"):format(tree.text, problem.show_typed(x), why), hint end
  end
  return path, ("is %s, given %s"):format(tree.text, problem.show_typed(x)), require("codegen.failures").whole_hint(tree.text, x)
end

explain.step = step

---Raises the error of a row whose column `name` is given `x`, of type `tree`, in the part of it that `path` leads to.
---@param path string? "" or ".items"
function explain.raise(tree, x, name, path)
  local at, why, hint = find(tree, x, name .. (path or ""))
  problem.raise("ROW_TYPE", ("column %q: %s %s"):format(name, at or name, why or "does not fit " .. tree.text), hint)
end

return explain
