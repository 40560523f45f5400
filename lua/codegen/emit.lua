-- The generated function that writes one output row at cur.out: pass-through columns straight from the input row,
-- computed ones from their variables, strings at the row's end. Rows whose columns are all of fixed size are reserved
-- a batch at a time by the caller; others ask for room here, once per row.
local columns = require "codegen.columns"
local layout = require "ffi.layout"

local emit = {}

---@class codegen.emission
---@field names table
---@field masks table null masks of the row that pass-through columns come from
---@field from string "cur.row": that row
---@field input ffi.layout of that row
---@field output table schema
---@field homes table<string, codegen.home> by name of output column
---@field parameters string[] variables given as arguments
---@field flat boolean the chain may write several rows per input row
---@field node integer index of the operator whose row it is, for failures
---@field count string? text that counts a row
---@field name string? of the function, "emit"

---Is the output row the input row, byte for byte?
function emit.is_identity(e)
  local out = layout.of(e.output)
  if #out.fields ~= #e.input.fields then return false end
  for i, f in ipairs(out.fields) do
    local home = e.homes[f.name]
    if home.kind ~= "in" or home.field.index ~= i or home.field.kind ~= f.kind or home.field.scale ~= f.scale then
      return false
    end
  end
  return true
end

local function plan(e)
  local p = { pass = {}, computed = {}, pass_texts = {}, computed_texts = {}, bulk = false }
  local copied = {}
  for i, f in ipairs(layout.of(e.output).fields) do
    local home = e.homes[f.name]
    local c = { out = f, home = home, index = i }
    if home.kind == "in" then
      p.pass[#p.pass + 1] = c
      if f.reference then
        p.pass_texts[#p.pass_texts + 1] = c
        copied[home.field.member] = true
      end
    else
      p.computed[#p.computed + 1] = c
      if f.reference then p.computed_texts[#p.computed_texts + 1] = c end
    end
  end
  -- When every text of the input goes on, their bytes are copied in one piece, whatever their number.
  local all, any = true, false
  for _, f in ipairs(e.input.fields) do
    if f.reference then
      any = true
      if not copied[f.member] then all = false end
    end
  end
  p.bulk = all and any and #p.pass_texts > 0
  return p
end

---Counts the pass-through columns in the null masks; before any getter is written.
function emit.mark(e)
  if emit.is_identity(e) then return end
  for _, c in ipairs(plan(e).pass) do
    if not c.out.required then columns.test_null(e.masks, c.home.field) end
  end
end

local function room(w, e, size, checked)
  if not checked then w:line("if %s > 67108864 then return too_large(%d, %s) end", size, e.node, size) end
  w:open("if cast(bytes, o) + %s > tally.limit then", size)
  w:line("if not grow(%d, %s) then return end", e.node, size)
  w:line("o = cur.out")
  w:close()
end

local function copy_row(w, e)
  local l = e.input
  if l.has_references then
    w:line("local size = r.size_bytes")
    room(w, e, "size")
    w:line("copy(o, r, size)")
    if e.count then w:line(e.count) end
    w:line("cur.out = cast(out_pointer, cast(bytes, o) + size)")
  else
    if e.flat then room(w, e, tostring(l.fixed_bytes), true) end
    w:line("copy(o, r, %d) -- the row goes on as it is", l.fixed_bytes)
    if e.count then w:line(e.count) end
    w:line("cur.out = o + 1")
  end
end

local function set_null(c, zero)
  local f = c.out
  return ("o.%s = bor(o.%s, %d)%s"):format(f.null_member, f.null_member, f.null_bit, zero and " " .. zero or "")
end

local STORE = { double = "%s", int = "%s", timestamp = "%s", bool = "%s and 1 or 0", int64 = "%s.value" }

local function write_computed(w, e, c)
  local f, v = c.out, columns.var(c.home.var)
  if f.reference then return end
  if e.given[c.home.var] then v = c.home.var end
  local member = "o." .. f.member
  local store, zero
  if f.kind == "decimal" then
    store = ("%s.low, %s.high = %s.low, %s.high"):format(member, member, v, v)
    zero = ("%s.low, %s.high = 0, 0"):format(member, member)
  else
    store = ("%s = %s"):format(member, STORE[f.kind]:format(v))
    zero = member .. " = 0"
  end
  if f.required then
    w:line(store)
  else
    w:line("if %s ~= nil then %s", v, store)
    w:line("else %s end", set_null(c, zero))
  end
end

local function null_words(list, masks)
  local seen, words = {}, {}
  for _, c in ipairs(list) do
    local f = c.home.field
    if not c.out.required and not f.required and not seen[f.null_member] then
      seen[f.null_member] = true
      words[#words + 1] = ("band(r.%s, %d)"):format(f.null_member, masks[f.null_member])
    end
  end
  return words
end

local function write_sizes(w, e, p, out)
  local sum = { tostring(out.fixed_bytes) }
  if p.bulk then
    sum[1] = ("r.size_bytes + %d"):format(out.fixed_bytes - e.input.fixed_bytes):gsub("%+ %-", "- ")
  else
    for _, c in ipairs(p.pass_texts) do sum[#sum + 1] = ("r.%s.length"):format(c.home.field.member) end
  end
  for i, c in ipairs(p.computed_texts) do
    local v = e.given[c.home.var] and c.home.var or columns.var(c.home.var)
    c.value, c.length = v, "n" .. i
    if c.out.required then w:line("local n%d = #%s", i, v)
    else
      w:line("local n%d = 0", i)
      w:line("if %s ~= nil then n%d = #%s end", v, i, v)
    end
    sum[#sum + 1] = c.length
  end
  w:line("local size = %s", table.concat(sum, " + "))
  if p.bulk and #p.computed_texts == 0 then return room(w, e, "size") end
  w:line("if size > 67108864 then return too_large(%d, size) end", e.node)
  w:line("size = band(size + 7, -8)")
  room(w, e, "size", true)
end

local function write_texts(w, e, p, out)
  if #p.pass_texts + #p.computed_texts == 0 then return end
  local delta = out.fixed_bytes - e.input.fixed_bytes
  if p.bulk then
    w:line("copy(ob + %d, rb + %d, r.size_bytes - %d) -- all texts at once", out.fixed_bytes, e.input.fixed_bytes,
      e.input.fixed_bytes)
    for _, c in ipairs(p.pass_texts) do
      local from, to = "r." .. c.home.field.member, "o." .. c.out.member
      w:line(("%s.offset, %s.length = %s.offset + %d, %s.length"):format(to, to, from, delta, from):gsub("%+ %-", "- "))
    end
    if #p.computed_texts > 0 then w:line(("local at = r.size_bytes + %d"):format(delta):gsub("%+ %-", "- ")) end
  else
    w:line("local at = %d", out.fixed_bytes)
    for _, c in ipairs(p.pass_texts) do
      local from, to = "r." .. c.home.field.member, "o." .. c.out.member
      w:line("%s.offset, %s.length = at, %s.length", to, to, from)
      w:line("copy(ob + at, rb + %s.offset, %s.length)", from, from)
      w:line("at = at + %s.length", from)
    end
  end
  for _, c in ipairs(p.computed_texts) do
    local to = "o." .. c.out.member
    if c.out.required then w:open("do") else w:open("if %s ~= nil then", c.value) end
    w:line("%s.offset, %s.length = at, %s", to, to, c.length)
    w:line("copy(ob + at, %s, %s)", c.value, c.length)
    w:line("at = at + %s", c.length)
    if not c.out.required then
      w:middle("else")
      w:line(set_null(c, ("%s.offset, %s.length = 0, 0"):format(to, to)))
    end
    w:close()
  end
end

---Writes `local function emit(...)`.
function emit.write(w, e)
  e.given = {}
  for _, name in ipairs(e.parameters) do e.given[name] = true end
  e.names:func(w, e.name or "emit", table.concat(e.parameters, ", "))
  w:line("local r, o = %s, cur.out", e.from)
  if emit.is_identity(e) then
    copy_row(w, e)
    w:line("return true")
    return w:close()
  end
  local p, out = plan(e), layout.of(e.output)
  local nulls = null_words(p.pass, e.masks)
  if #nulls == 1 then w:line("local nulls = %s", nulls[1])
  elseif #nulls > 1 then w:line("local nulls = bor(%s)", table.concat(nulls, ", ")) end
  if out.has_references then
    write_sizes(w, e, p, out)
    w:line("local ob, rb = cast(bytes, o), cast(bytes, r)")
    if not (p.bulk and #p.computed_texts == 0) then
      w:line("if size > %d then cast(words, ob + (size - 8))[0] = 0 end -- padding", out.fixed_bytes)
    end
    w:line("o.size_bytes = size")
  else
    if e.flat then room(w, e, tostring(out.fixed_bytes), true) end
    w:line("o.size_bytes = %d", out.fixed_bytes)
  end
  w:line("o.kind = r.kind")
  for i = 0, out.null_words - 1 do w:line("o.w%d = 0", i) end
  for _, c in ipairs(p.pass) do
    if not c.out.reference then
      local from, to = "r." .. c.home.field.member, "o." .. c.out.member
      if c.out.kind == "decimal" then w:line("%s.low, %s.high = %s.low, %s.high", to, to, from, from)
      else w:line("%s = %s", to, from) end
    end
  end
  for _, c in ipairs(p.computed) do write_computed(w, e, c) end
  write_texts(w, e, p, out)
  if #nulls > 0 then
    w:open("if nulls ~= 0 then")
    for _, c in ipairs(p.pass) do
      local f = c.home.field
      if not c.out.required and not f.required then
        local zero = c.out.reference and ("o.%s.offset = 0"):format(c.out.member)
        w:line("if band(r.%s, %d) ~= 0 then %s end", f.null_member, f.null_bit, set_null(c, zero))
      end
    end
    w:close()
  end
  if e.count then w:line(e.count) end
  if out.has_references then w:line("cur.out = cast(out_pointer, ob + size)")
  else w:line("cur.out = o + 1") end
  w:line("return true")
  w:close()
end

return emit
