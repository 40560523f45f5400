-- What the analysis of a function knows of a value: abstract values and how two of them meet where branches join.
-- Values are never changed once made. Kinds (field `t`):
--   type   a value of one column type: { type =, const =, null =, text = } (nil counts as any type: columns are nullable;
--          `null`: branches joined of which one had nil; `text`: a string that is UTF-8 for sure; `slice`: it may be a
--          slice (slice.lua), of the group of that name of a regular expression if it is one, of a part of a column;
--          `view`: it is the part with this path of column `name` of record parameter `p` (parts.lua);
--          `member`: it is read from this member of an object; `held`: the engine holds it as this type, so it fits such a column;
--          `whole`: a number without a fraction, or infinite, or not a number)
--   nil    `null`: it is tm.null
--   field  the untouched value of column `name` of record parameter `p`, of type `type`
--   row    one of the rows in `set` (record parameters and tables made in the function, by id), or nil; `null`: or tm.null
--   const  a constant of the script: a function, a table
--   method `name` of the value `on`
--   texts  an iterator that gives strings
--   out    the second parameter of a flat_map function
--   object of the engine, of this name: get(m, key, line) is a member, call(m, s, name, args, i, pc, follow) of one that is a
--          method's; put(m, key, line) says that a member cannot be assigned; `of_call`: it is no good behind the call; `emits`: rows
--          go out through it; `lost()`: from here on it is not followed (process_derive.lua)
--   ?      anything. A value made where branches joined remembers in `from` the columns it may hold; using it uses
--   them.
local utf8 = require "tidemill.utf8"

local values = {}

values.UNKNOWN = { t = "?" }
values.NIL = { t = "nil" }
values.NULL = { t = "nil", null = true } -- tm.null
values.OUT = { t = "out" }
values.NEVER = { t = "?" } -- of a call that does not come back
values.TEXTS = { t = "texts" } -- `text`: they are UTF-8 for sure

local simple = {}
---@param name string type of a column
function values.of(name)
  local v = simple[name]
  if not v then
    v = { t = "type", type = name }
    simple[name] = v
  end
  return v
end
values.BOOL, values.NUMBER, values.STRING = values.of("bool"), values.of("double"), values.of("string")
values.TEXT = { t = "type", type = "string", text = true }
values.SLICE, values.TEXT_SLICE = { t = "type", type = "string", slice = true }, { t = "type", type = "string", text = true, slice = true }

values.WHOLE = { t = "type", type = "double", whole = true }

local held = {}
---What a column or state of this type holds.
function values.held(name)
  held[name] = held[name] or { t = "type", type = name, held = true }
  return held[name]
end

function values.constant(v)
  local t = type(v)
  if t == "number" then return { t = "type", type = "double", const = v, whole = v == math.floor(v) or nil } end
  if t == "string" then return { t = "type", type = "string", const = v, text = utf8.is_valid(v) or nil } end
  if t == "boolean" then return values.BOOL end
  if t == "nil" then return values.NIL end
  return { t = "const", v = v }
end

function values.row(id) return { t = "row", set = { [id] = true }, only = id } end

---Is it a text that needs no look at its bytes: what a string column holds, and what was made of such?
function values.is_text(v) return v.text == true or v.t == "nil" or (v.t == "field" and v.type == "string") end

---Does it fit a column of its type, or is it nil?
function values.is_held(v) return v.held == true or v.t == "field" or v.t == "nil" end

local WHOLE = { int = true, timestamp = true }

---Is it a number without a fraction, as far as it is one at all, or nil?
function values.is_whole(v) return v.whole == true or v.t == "nil" or (values.is_held(v) and WHOLE[v.type] == true) end

---The value when something may have changed it: its type at most.
function values.without_value(v)
  if v.t ~= "type" or (v.const == nil and not v.text and not v.held and not v.whole) then return v end
  return (v.from or v.null or v.slice) and { t = "type", type = v.type, from = v.from, null = v.null, slice = v.slice }
    or values.of(v.type)
end

---Does it print as UTF-8 for sure?
function values.prints_text(v)
  local t = values.type_of(v)
  return values.is_text(v) or (t ~= nil and t ~= "string" and t ~= "bytes" and t ~= "table" and t ~= "any" and t ~= "?")
end

---The column type of a value: "double", ...; nil for a sure nil; "?" when it is not known; "table" for a row.
function values.type_of(v)
  if v.t == "type" or v.t == "field" then return v.type end
  if v.t == "nil" then return nil end
  if v.t == "row" then return "table" end
  return "?"
end

local NUMERIC = { int = true, double = true, timestamp = true }

function values.is_number(name) return NUMERIC[name] == true end

local function decimal(name)
  local p, s = name:match("^decimal%((%d+),(%d+)%)$")
  if p then return tonumber(p), tonumber(s) end
end
values.decimal = decimal

---The type of a column that takes values of both types; "?" when there is none.
function values.join_types(a, b)
  if a == b or b == nil then return a end
  if a == nil then return b end
  if a == "any" or b == "any" then return "any" end
  if NUMERIC[a] and NUMERIC[b] then return "double" end
  local p1, s1 = decimal(a)
  local p2, s2 = decimal(b)
  if p1 and p2 then
    local scale = math.max(s1, s2)
    return ("decimal(%d,%d)"):format(math.min(38, math.max(p1 - s1, p2 - s2) + scale), scale)
  end
  return "?"
end

function values.equal(a, b)
  if a == b then return true end
  if a.t ~= b.t or a.null ~= b.null or a.text ~= b.text or a.held ~= b.held or a.whole ~= b.whole or a.slice ~= b.slice
    or a.view ~= b.view or a.type ~= b.type or a.const ~= b.const or a.name ~= b.name or a.p ~= b.p or a.v ~= b.v then
    return false
  end
  if a.t == "row" then
    for id in pairs(a.set) do if not b.set[id] then return false end end
    for id in pairs(b.set) do if not a.set[id] then return false end end
  end
  if a.rows or b.rows then
    for k in pairs(a.rows or {}) do if not (b.rows and b.rows[k]) then return false end end
    for k in pairs(b.rows or {}) do if not (a.rows and a.rows[k]) then return false end end
  end
  if a.from or b.from then
    for k in pairs(a.from or {}) do if not (b.from and b.from[k]) then return false end end
    for k in pairs(b.from or {}) do if not (a.from and a.from[k]) then return false end end
  end
  return a.t ~= "method" or values.equal(a.on, b.on)
end

-- The columns that either value may be.
local function origins(a, b)
  local from
  for _, v in ipairs { a, b } do
    if v.t == "field" or v.view then
      from = from or {}
      from[v.p .. " " .. v.name .. (v.view or "")] = v
    end
    for k, f in pairs(v.from or {}) do
      from = from or {}
      from[k] = f
    end
  end
  return from
end

---The value where two branches join.
function values.join(a, b)
  if values.equal(a, b) then return a end
  for _, v in ipairs { a, b } do if v.lost then v.lost() end end
  if a.t == "row" and (b.t == "row" or b.t == "nil") or (a.t == "nil" and b.t == "row") then
    local set, only, count = {}, nil, 0
    for _, v in ipairs { a, b } do
      for id in pairs(v.set or {}) do
        if not set[id] then count, only = count + 1, id end
        set[id] = true
      end
    end
    return { t = "row", set = set, only = count == 1 and only or nil, null = a.null or b.null }
  end
  local slice = a.slice or b.slice
  if a.slice and b.slice and a.slice ~= b.slice then slice = true end
  local other = not b.slice and b or not a.slice and a
  if slice and other and not values.is_text(other) then
    return { t = "?", from = origins(a, b), rows = values.rows_in(a, b), slice = slice }
  end
  if a.t == "row" or b.t == "row" then return { t = "?", from = origins(a, b), rows = values.rows_in(a, b), slice = slice } end
  local from, rows = origins(a, b), values.rows_in(a, b)
  local type_a, type_b = values.type_of(a), values.type_of(b)
  local joined = values.join_types(type_a, type_b)
  if joined == nil then return values.NULL end
  if joined == "?" then return (from or rows or slice) and { t = "?", from = from, rows = rows, slice = slice } or values.UNKNOWN end
  local null = a.t == "nil" or b.t == "nil" or a.null or b.null or nil
  local text = joined == "string" and values.is_text(a) and values.is_text(b) or nil
  local is_held = joined == (type_a or joined) and joined == (type_b or joined) and values.is_held(a) and values.is_held(b) or nil
  local whole = values.is_whole(a) and values.is_whole(b) or nil
  if not (from or null or slice or is_held or whole) then return text and values.TEXT or values.of(joined) end
  return { t = "type", type = joined, from = from, null = null, text = text, slice = slice, held = is_held, whole = whole }
end

---Rows that either value may be, where it is not known to be a row.
function values.rows_in(a, b)
  local rows
  for _, v in ipairs { a, b } do
    for id in pairs(v.set or v.rows or {}) do
      rows = rows or {}
      rows[id] = true
    end
  end
  return rows
end

return values
