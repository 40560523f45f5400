-- From the rows that a function returns or emits (bytecode.lua) to columns: which forms of result there are (its own
-- record, tables, a text), the columns of all branches with their types, and which of them are untouched copies of
-- input columns.
local shapes = require "codegen.shapes"
local values = require "codegen.values"

local result = {}

---@class codegen.result
---@field record boolean some branch gives the record itself
---@field table boolean some branch gives a table
---@field text boolean some branch gives a string
---@field unknown boolean some branch gives what is not followed
---@field nothing boolean some branch gives nil
---@field wrong string? type of a value that is no row: "double"
---@field proven boolean every key of every returned table is known
---@field dynamic boolean keys are computed
---@field positional boolean tables with list items
---@field copied boolean some table began as a copy of the record
---@field types table<string, string> column -> type; "?" when not known
---@field passes table<string, string> column -> input column
---@field texts table<string, boolean> columns whose strings are UTF-8 for sure
---@field numbers table<string, string> columns whose numbers the engine holds as this type, or that have no fraction: "whole"
---@field slices table<string, boolean> columns that may be given slices
---@field unsure boolean? of these, columns that may be given numbers too
---@field only_nil table<string, boolean> columns that no branch gives a value

local function look_at(r, id, row, columns)
  if row.p then r.record = true else r.table = true end
  if row.open and not row.p then r.proven = false end
  if row.dynamic then r.dynamic = true end
  if row.positional then r.positional = true end
  if row.copied then r.copied = true end
  columns[#columns + 1] = { id = id, fields = row.fields, record = row.p ~= nil, open = row.open }
end

local function column(r, name, rows)
  local type_name, pass, first, text, unsure = nil, nil, true, true, false
  local held, whole = nil, true
  for _, row in ipairs(rows) do
    local v = row.fields[name]
    if row.open or not (v == nil or values.is_whole(v)) then whole = false end
    if row.open or (v and not values.is_held(v)) then held = false end
    if v and v.t ~= "nil" and held ~= false then held = (held == nil or held == v.type) and v.type end
    if v and v.slice then r.slices[name] = true elseif v and not values.is_text(v) then unsure = true end
    text = text and not row.open and (v == nil or values.is_text(v))
    local from = v and v.t == "field" and v.p == 1 and not row.open and v.name or nil
    if row.record and row.open then from = nil end
    if first then pass, first = from, false elseif pass ~= from then pass = nil end
    if v then
      local t = values.type_of(v)
      if t == "table" then t = "any" end
      type_name = values.join_types(type_name, t)
    end
  end
  if r.slices[name] and (unsure or type_name ~= "string") then r.unsure = true end
  r.types[name] = type_name or "?"
  r.only_nil[name] = type_name == nil
  r.texts[name] = text and not r.unknown or nil
  r.numbers[name] = not r.unknown and (held or whole and "whole") or nil
  r.passes[name] = pass
end

---@param exits table[] { value, rows }: analysis.returns or analysis.emits
---@return codegen.result
function result.of(exits)
  local r = { proven = true, types = {}, passes = {}, texts = {}, numbers = {}, slices = {}, only_nil = {}, record = false,
    table = false, text = false, unknown = false, nothing = false }
  local rows, text_type, text_pass, text_first, is_text, unsure = {}, nil, nil, true, true, false
  for _, exit in ipairs(exits) do
    local v = exit.value
    local t = values.type_of(v)
    if v.t == "row" then
      for id in pairs(v.set) do look_at(r, id, exit.rows[id], rows) end
    elseif t == nil then
      r.nothing = true
    elseif t == "string" then
      r.text, text_type = true, "string"
      is_text = is_text and values.is_text(v)
      if v.slice then r.slices.line = true elseif not values.is_text(v) then unsure = true end
      local from = v.t == "field" and v.p == 1 and v.name or nil
      if text_first then text_pass, text_first = from, false elseif text_pass ~= from then text_pass = nil end
    elseif t == "?" then
      r.unknown, r.proven = true, false
    else
      r.wrong = t
    end
  end
  if r.slices.line and (unsure or r.unknown or r.wrong) then r.unsure = true end
  local names = {}
  for _, row in ipairs(rows) do for k in pairs(row.fields) do names[k] = true end end
  for name in pairs(names) do column(r, name, rows) end
  if text_type and not r.table and not r.record then
    r.types.line, r.passes.line = "string", text_pass
    r.texts.line = is_text and not r.unknown or nil
  end
  return r
end

---May the function find out which columns its record has, or assign some that are not known?
function result.any_column(analysis)
  return not analysis.known or analysis.assigned_dynamic[1] or analysis.reads[1] == true
end

---Is what the function assigns to this column seen by the rows that it returns alone?
function result.writes_unseen(analysis, name)
  local looked_at = analysis.looked_at[1]
  return not result.any_column(analysis) and #analysis.side_emits == 0 and not looked_at[name] and not looked_at[true]
end

---Do all branches that give the record itself assign this column?
function result.always_assigns(analysis, name)
  for _, exit in ipairs(analysis.returns) do
    for id in pairs(exit.value.set or {}) do
      local row = exit.rows[id]
      if row.p then
        local v = row.fields[name]
        if not (row.wrote and row.wrote[name]) or row.open or v == nil or v.t == "nil" or v.t == "?" or v.null then return false end
      end
    end
  end
  return true
end

---The one value of functions that give a value (assign, key): its type, and the input column that it copies.
---@return string type "?" when not known; "any" of a table
---@return string? pass
---@return boolean text its strings are UTF-8 for sure
---@return boolean slice it may be a slice
---@return boolean unsure it may be a slice or a number
function result.scalar(exits)
  local type_name, pass, first, text, slice, unsure = nil, nil, true, true, false, false
  for _, exit in ipairs(exits) do
    local v = exit.value
    text, slice, unsure = text and values.is_text(v), slice or v.slice ~= nil, unsure or (v.slice == nil and not values.is_text(v))
    local from = v.t == "field" and v.p == 1 and v.name or nil
    if first then pass, first = from, false elseif pass ~= from then pass = nil end
    local t = values.type_of(v)
    if t == "table" then
      t = "any"
      if shapes.has_slice(v, exit.rows) then return t, nil, false, true, true end
    end
    type_name = values.join_types(type_name, t)
  end
  return type_name or "?", pass, text, slice, slice and (unsure or type_name ~= "string")
end

---How the getter of each input column may answer. Nil: with the value. "untouched": the value goes into pass-through columns
---only, which are copied from the row itself. { texts }: it is only compared with these texts. "slice": as a slice (slice.lua).
---{ view = paths }: as a view of which these texts are slices (parts.lua).
---@param analysis codegen.analysis
---@param p integer parameter
---@param passes table<string, string>
---@param sides table[]? side outputs that are read: { exits =, passes = }
function result.modes(analysis, p, passes, sides)
  local modes = {}
  if not analysis.known or analysis.reads[p] == true then return modes end
  local needed = {}
  local ways = { { exits = analysis.returns, passes = passes }, { exits = analysis.emits, passes = passes } }
  for _, side in ipairs(sides or {}) do ways[#ways + 1] = side end
  -- What a row holds, and, where it is no column, the rows in it: nothing of those passes.
  local function need(v, rows, seen, copied)
    for _, f in pairs(v.from or {}) do if f.p == p then needed[f.name] = true end end
    if (v.t == "field" or v.view) and v.p == p and not copied then needed[v.name] = true end
    for id in pairs(v.t == "row" and v.set or {}) do
      if not seen[id] then
        seen[id] = true
        for _, f in pairs(rows[id].fields) do need(f, rows, seen, false) end
      end
    end
  end
  for _, way in ipairs(ways) do
    passes = way.passes
    for _, exit in ipairs(way.exits) do
      local v = exit.value
      if v.t == "row" then
        for id in pairs(v.set) do
          for key, f in pairs(exit.rows[id].fields) do need(f, exit.rows, {}, f.t == "field" and passes[key] == f.name) end
        end
      else
        local copied = false
        for _, from in pairs(passes) do copied = copied or from == v.name end
        need(v, exit.rows, {}, copied)
      end
    end
  end
  local bare = analysis.schemas[p].bare
  for name in pairs(bare and { line = true } or analysis.reads[p]) do
    local u = analysis.uses[p][name] or { eq = {}, into = {} }
    local real = u.other or needed[name]
    for place in pairs(u.into) do real = real or analysis.seen_keys[place] end
    if u.view then
      modes[name] = not real and analysis.slices and next(analysis.slow_calls) == nil and shapes.slices_of(analysis, p, name) or nil
    elseif u.slice then
      modes[name] = not real and next(u.eq) == nil and analysis.slices and next(analysis.slow_calls) == nil and "slice" or nil
    elseif not real and not bare then
      local texts = {}
      for text in pairs(u.eq) do texts[#texts + 1] = text end
      table.sort(texts)
      modes[name] = #texts == 0 and "untouched" or texts
    end
  end
  return modes
end

return result
