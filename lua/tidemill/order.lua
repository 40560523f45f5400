-- The order of fields given in a Lua table, which itself has none: that of their first appearance in the job's text, so
-- that columns, headers and prints never change between runs. The table is looked for in the text from the call's line on;
-- names that no table has are taken from the whole text; what is computed comes last, alphabetically.
local fault = require "tidemill.fault"
local outline = require "tidemill.outline"

local order = {}

-- Is every field a key of this table? The count of its other keys that are not nil comes second: none, for the very table.
local function fits(fields, count, t)
  local found, others, seen = 0, 0, {}
  for _, n in ipairs(t.names) do
    if not seen[n.name] then
      seen[n.name] = true
      if fields[n.name] ~= nil then found = found + 1
      elseif not t.nils[n.name] then others = others + 1 end
    end
  end
  return found == count, others
end

-- The table that is given, as the text shows it: the first at or behind the call that has these keys and no more; of those on
-- the line of the first, the one in the fewest functions, because a function that is called beside it has tables of its own.
local function table_of(fields, count, o, line)
  local best
  for _, t in ipairs(o.tables) do
    if best and t.line > best.line then break end
    local has, others = fits(fields, count, t)
    if t.line >= line and has and others == 0 and (not best or t.depth < best.depth) then best = t end
  end
  return best
end

---The keys of `fields` in order.
---@param fields table whose string keys are ordered
---@param file table? { text = } of the file that makes the call
---@param line integer? of the call
---@return string[]
function order.keys(fields, file, line)
  local sorted, result, taken = {}, {}, {}
  for k in pairs(fields) do if type(k) == "string" then sorted[#sorted + 1] = k end end
  table.sort(sorted)
  local function add(name)
    if fields[name] ~= nil and not taken[name] then
      taken[name] = true
      result[#result + 1] = name
    end
  end
  if file then
    local o = outline.of(file)
    local given = table_of(fields, #sorted, o, line or 1) or table_of(fields, #sorted, o, 1)
    if given then
      for _, n in ipairs(given.names) do add(n.name) end
    else
      for _, n in ipairs(o.names) do if n.line >= (line or 1) then add(n.name) end end
      for _, n in ipairs(o.names) do add(n.name) end
    end
  end
  for _, name in ipairs(sorted) do add(name) end
  return result
end

---Raises where the table that is given has a key twice, as the text shows it: Lua would keep the last one without a word.
---@param call table { at =, file =, line = }
---@param fields table
function order.refuse_twice(call, what, fields)
  if not call.file then return end
  local count = 0
  for _ in pairs(fields) do count = count + 1 end
  local t = table_of(fields, count, outline.of(call.file), call.line or 1)
  local seen = {}
  for _, n in ipairs(t and t.names or {}) do
    if seen[n.name] then
      fault.raise("DUPLICATE_NAME", ("%s:%d"):format(call.at:match("^(.*):%d+$") or call.at, n.line),
        ("%s: %q is declared twice, at line %d too"):format(what, n.name, seen[n.name]), "a name stands for one state of one type")
    end
    seen[n.name] = n.line
  end
end

return order
