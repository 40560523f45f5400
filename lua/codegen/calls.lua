-- What calls mean to the analysis of a function (bytecode.lua): known library functions by their results, the
-- script's own Lua functions by following them, everything else as unknown: it may read, keep and change what it is
-- given.
local fault = require "tidemill.fault"
local known = require "codegen.known"
local parts = require "codegen.parts"
local problem = require "codegen.problem"
local values = require "codegen.values"
local util = require "jit.util"

local calls = {}

local NIL, UNKNOWN = values.NIL, values.UNKNOWN
local DEPTH_MAX = 4 -- of followed calls; recursion ends here too

-- Both are loaded late: bytecode requires this module.
local function bytecode() return require "codegen.bytecode" end

local function freeze()
  local found, f = pcall(require, "tidemill.freeze")
  return found and f or nil
end

local function is_null(v)
  local found, null = pcall(require, "tidemill.null")
  return found and v == null
end

---A captured value. Where the variable keeps it, functions and tables are followed and texts compared with. Else it has its type
---now: if the script assigns another type later, rows fail with an error that names the column, nothing worse.
---@param keeps boolean
function calls.upvalue(v, keeps)
  if type(v) == "nil" or type(v) == "cdata" then return UNKNOWN end
  if keeps and is_null(v) then return values.NULL end
  if not keeps and (type(v) == "function" or type(v) == "table") then return UNKNOWN end
  return keeps and values.constant(v) or values.without_value(values.constant(v))
end

function calls.global(v)
  if type(v) == "function" or type(v) == "table" then return values.constant(v) end
  return UNKNOWN
end

-- A name that the engine's object does not have is an error before any row runs.
local function report(m, line, err)
  if fault.is(err) then bytecode().problem(m, line, err.code, err.message, err.hint) end
end

---The member of a constant table: of a library, a method of an object, or a function of a module of the script.
function calls.member(t, key, m, line)
  if type(t) ~= "table" then return UNKNOWN end
  local f = freeze()
  local frozen = f and f.members(t)
  local v
  if frozen then
    local there
    there, v = pcall(function() return frozen[key] end)
    if not there then
      report(m, line, v)
      return UNKNOWN
    end
    if key == "copy" and v ~= nil and tostring(t) == "tm" then return { t = "const", v = calls.copy } end
    if is_null(v) then return values.NULL end
    if type(v) == "number" then return values.constant(v) end
  else
    v = rawget(t, key)
  end
  if type(v) == "function" or (type(v) == "table" and (f and f.members(v))) then return values.constant(v) end
  return UNKNOWN
end

-- Stands for tm.copy and codegen.copy in const values.
function calls.copy() end
calls.copies = { [calls.copy] = true }

local function copy_of(m, s, v, i, pc)
  local row = v.t == "row" and v.only and s.rows[v.only]
  if parts.tree_of(v) then
    bytecode().use(m, v, "other")
    return values.of("any") -- a table
  end
  if not (row and row.p) or row.open then
    if v.t == "row" then bytecode().escape(m, s, v) end
    return UNKNOWN
  end
  local fields, reads = {}, m.out.reads[row.p]
  m.out.looked_at[row.p][true] = true
  for k, f in pairs(row.fields) do
    fields[k] = f
    bytecode().use(m, f, "other")
    if reads ~= true and f.t == "field" then reads[f.name] = true end
    if parts.tree_of(f) then m.out.owns_parts = true end
  end
  if m.captured then m.out.changes_parts = true end
  local copy = bytecode().new_row(m, s, pc, fields)
  s.rows[copy.only].copied = true
  return copy, i
end

local function escape_all(m, s, args)
  for _, v in ipairs(args) do bytecode().escape(m, s, v) end
end

-- Is it a text or nil for sure? Only then does a number in its place mean a slice.
local function is_sure(v) return v.t == "nil" or v.slice ~= nil and v.t == "type" or values.is_text(v) end

---@param takes integer? the argument that may be a slice
local function hand_over(m, s, args, takes)
  for n, v in ipairs(args) do
    if n == takes and is_sure(v) then bytecode().use(m, v, bytecode().AS_SLICE)
    else bytecode().escape(m, s, v) end
  end
  if takes and args[takes] and not is_sure(args[takes]) then m.out.slices = false end
end

-- Are all strings among these values UTF-8 for sure?
local function all_texts(args)
  for _, v in ipairs(args) do
    local t = values.type_of(v)
    if v.t ~= "const" and (t == "?" or t == "bytes" or (t == "string" and not values.is_text(v))) then return false end
  end
  return true
end

-- The one value of several returns; rows of the callee go on in the caller's state.
local function joined(s, callee)
  if #callee.returns == 0 then return values.NEVER end
  local result
  for _, r in ipairs(callee.returns) do
    result = result and values.join(result, r.value) or r.value
    for id, row in pairs(r.rows) do
      local mine = s.rows[id]
      if mine == nil or mine == row then
        s.rows[id] = row
      else
        local j = { p = row.p, open = mine.open or row.open, dynamic = mine.dynamic or row.dynamic,
          positional = mine.positional or row.positional, copied = mine.copied or row.copied, fields = {} }
        for k, v in pairs(mine.fields) do j.fields[k] = values.join(v, row.fields[k] or NIL) end
        for k, v in pairs(row.fields) do if not mine.fields[k] then j.fields[k] = values.join(NIL, v) end end
        s.rows[id] = j
      end
    end
  end
  return result or NIL
end

local function follow(m, s, fn, args, pc)
  local info = util.funcinfo(fn)
  if m.depth >= DEPTH_MAX or info.ffid or m.captured or problem.is_engine(info.source or "") then return nil end
  local callee = bytecode().run(m.out, fn, args, s.rows, m.depth + 1, m.prefix .. pc .. "/")
  if not callee or callee.captured then return nil end
  local list = m.out.functions
  list[#list + 1] = fn
  return joined(s, callee)
end

---What a function of the job does when the engine calls it: one that is known, or a closure that is made on the spot.
---@return boolean false: it cannot be followed
function calls.run(m, s, f, args, pc)
  local fn = f.proto or (f.t == "const" and type(f.v) == "function" and f.v)
  if not fn or m.depth >= DEPTH_MAX then
    bytecode().escape(m, s, f)
    return false
  end
  local made_by = f.proto and m.made_by or nil
  if not bytecode().run(m.out, fn, args, s.rows, m.depth + 1, m.prefix .. pc .. "/", made_by) then return false end
  if not made_by then m.out.functions[#m.out.functions + 1] = fn end
  return true
end

local function slow(m, line, name, why)
  local key = ("%s:%d %s"):format(m.path, line, name)
  m.out.slow_calls[key] = { where = ("%s:%d"):format(m.path, line), what = why[1], why = why[2], instead = why[3] }
end

function calls.is_slow_method(name) return known.slow_methods[name] ~= nil end

-- find is compiled where its pattern has no magic characters or `plain` is given.
local function check_find(m, pattern, plain, line)
  if plain and plain.t ~= "nil" then return end
  if type(pattern) == "table" and type(pattern.const) == "string" and not pattern.const:find("[%^%$%(%)%%%.%[%]%*%+%-%?]") then
    return
  end
  slow(m, line, "find", { "find with a pattern", known.slow_methods.match[2], "find(text, from, true) is compiled" })
end

-- What `for` gets from pairs or ipairs of a list, map or struct; nil for other values.
local function parts_of(m, walk, v)
  if v.walk and (walk ~= ipairs or v.item) then return v.walk end -- of the engine
  local tree = parts.tree_of(v)
  if not tree then return nil end
  bytecode().use(m, v, tree.kind == "list" and bytecode().AS_VIEW or "other")
  if tree.kind == "struct" then return { t = "parts", key = values.TEXT, value = UNKNOWN } end
  local item = parts.item(m, v, tree)
  if tree.kind == "map" then return { t = "parts", key = values.of(tree.of[1].type.text), value = item } end
  return walk and { t = "parts", key = values.NUMBER, value = item }
end

-- Columns of side outputs take no slices.
local function need_strings(m, s, v, seen)
  if v.slice then bytecode().use(m, v, "other") end
  for id in pairs(v.set or {}) do
    if not seen[id] then
      seen[id] = true
      for _, f in pairs(s.rows[id].fields) do need_strings(m, s, f, seen) end
    end
  end
end

---@param f table the function's abstract value
---@param args table[] abstract arguments
---@return table first abstract first result
---@return table? more what further results are
function calls.call(m, s, f, args, i, pc)
  if f.t == "out" then
    -- The rows as they are now: what the function does to them later is another row's affair.
    local exit, rows = { where = ("%s:%d"):format(m.path, i.line) }, {}
    for id, row in pairs(s.rows) do rows[id] = row end
    exit.rows, exit.value = rows, args[1] or NIL
    local list = m.out.emits
    if #args >= 2 then
      exit.tag, exit.tag_type = args[1].const, values.type_of(args[1])
      list, exit.value = m.out.side_emits, args[2]
      if exit.tag == nil then bytecode().escape(m, s, args[1]) end
      need_strings(m, s, args[2], {})
    end
    list[#list + 1] = exit
    -- The engine takes the row's fields at once and keeps nothing.
    return NIL
  end
  if f.t == "field" then
    bytecode().problem(m, i.line, "TYPE", ("the column %q is called as a function"):format(f.name), f.name == "copy"
      and "a column's name wins over the method of that name: tm.copy(e) copies the record" or nil)
  end
  if f.member then
    bytecode().problem(m, i.line, "TYPE", ("%s is called as a function, and is %s"):format(f.member,
      f.t == "nil" and "nil here" or "a value of type " .. f.type), "without parentheses: " .. f.member)
  end
  if f.t == "method" then
    local on = f.on
    if on.t == "object" then
      return on.call(m, s, f.name, args, i, pc, function(_, _, fn, given) return follow(m, s, fn, given, pc) end)
    end
    for n = 2, #args do bytecode().escape(m, s, args[n]) end
    if f.name == "copy" and (on.t == "row" or parts.tree_of(on)) then return (copy_of(m, s, on, i, pc)) end
    bytecode().use(m, on, "other")
    if known.slow_methods[f.name] then slow(m, i.line, f.name, known.slow_methods[f.name]) end
    if f.name == "find" and values.type_of(on) == "string" then check_find(m, args[2], args[4], i.line) end
    if values.type_of(on) == "string" then return known.of_string(f.name, args) end
    if f.name == "tonumber" then return values.NUMBER end
    return UNKNOWN
  end
  if f.t == "const" and type(f.v) == "function" then
    local refusal = known.declares[f.v]
    if refusal then
      local message, hint = refusal(args[1] and args[1].const)
      bytecode().problem(m, i.line, "ARGUMENT", message, hint)
    end
    if calls.copies[f.v] and args[1] then return (copy_of(m, s, args[1], i, pc)) end
    local walk = known.walks[f.v] and parts_of(m, f.v, args[1] or NIL)
    if walk then return walk end
    if known.slow[f.v] then slow(m, i.line, known.slow[f.v][1], known.slow[f.v]) end
    if f.v == error then
      escape_all(m, s, args)
      m.out.raises = m.out.raises or ("%s:%d"):format(m.path, i.line)
      return values.NEVER
    end
    if f.v == string.find then check_find(m, args[2], args[4], i.line) end
    local result = known.results[f.v]
    if result then
      hand_over(m, s, args, known.takes[f.v])
      if (f.v == math.max or f.v == math.min) then
        for _, v in ipairs(args) do if not values.is_number(values.type_of(v) or "double") then result = UNKNOWN end end
      end
      if known.methods[f.v] and values.type_of(args[1] or NIL) == "string" then
        return known.of_string(known.methods[f.v], args)
      end
      if known.prints[f.v] and values.prints_text(args[1] or NIL) then return values.TEXT end
      if known.keeps[f.v] and all_texts(args) then return known.takes[f.v] and values.TEXT_SLICE or values.TEXT end
      if known.of_number[f.v] and not values.is_number(values.type_of(args[1] or NIL) or "double") then return UNKNOWN end
      return result, known.more[f.v]
    end
    if known.makes[f.v] then
      hand_over(m, s, args, known.takes[f.v])
      local fields = {}
      for k, v in pairs(known.makes[f.v].fields) do fields[k] = v end
      local made = m.out.made
      made[#made + 1] = known.makes[f.v].names
      return (bytecode().new_row(m, s, pc, fields))
    end
    local value = follow(m, s, f.v, args, pc)
    if value then return value end
  end
  m.out.slices = false -- what is called may call functions that take a number for a slice
  escape_all(m, s, args)
  return UNKNOWN
end

return calls
