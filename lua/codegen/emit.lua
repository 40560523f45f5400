-- The generated function that writes one output row at cur.out: pass-through columns straight from the input row,
-- computed ones from their variables, strings at the row's end. Rows whose columns are all of fixed size are reserved
-- a batch at a time by the caller; others ask for room here, once per row.
local cells = require "codegen.cells"
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
---@field plain boolean? the rows are no changes
---@field reserved boolean? the caller has made room for all rows
---@field node integer index of the operator whose row it is, for failures
---@field count string? text that counts a row
---@field name string? of the function, "emit"
---@field to table? where rows go: names of the cursor, its type, its limit, and the begin of calls for more room and for a row
---that is too large

local OUTPUT = { cursor = "cur.out", pointer = "out_pointer", limit = "bounds.limit", grow = "grow(",
  too_large = "too_large(" }

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
  e.given = {}
  for _, name in ipairs(e.parameters) do e.given[name] = true end
  local p = { pass = {}, cells = {}, given = {}, pass_texts = {}, computed_texts = {}, bulk = false }
  local nested_first = function(list) -- they begin at multiples of 8, as the end of the slots is
    local sorted = {}
    for _, c in ipairs(list) do if c.out.nested then sorted[#sorted + 1] = c end end
    for _, c in ipairs(list) do if not c.out.nested then sorted[#sorted + 1] = c end end
    return sorted
  end
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
    elseif f.reference then
      p.computed_texts[#p.computed_texts + 1] = c
    else
      local list = e.given[home.var] and p.given or p.cells
      list[#list + 1] = c
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
  p.pass_texts, p.computed_texts = nested_first(p.pass_texts), nested_first(p.computed_texts)
  return p
end

---What rows can take at most, where that follows from how many they are and from the input's bytes. Then the caller makes room
---for all rows at once, and none asks.
---@param e codegen.emission
---@return { per_row: integer, of_input: boolean }? growth bytes of a row, beside those of its input row
function emit.growth(e)
  local out = layout.of(e.output)
  if e.flat then return nil end
  if not out.has_references then return { per_row = out.fixed_bytes, of_input = false } end
  local p = plan(e)
  -- Two texts of a row may share their bytes, so several that are copied one by one may take more than the row did.
  if #p.computed_texts > 0 or not (p.bulk or #p.pass_texts <= 1) then return nil end
  e.reserved = true
  return { per_row = out.fixed_bytes - e.input.fixed_bytes, of_input = true }
end

---Counts the pass-through columns in the null masks; before any getter is written.
function emit.mark(e)
  if emit.is_identity(e) then return end
  for _, c in ipairs(plan(e).pass) do
    if not c.out.required then columns.test_null(e.masks, c.home.field) end
  end
end

-- Makes sure that the row fits, before anything is written; `past` and `ob` are its end and its begin.
local function room(w, e, size)
  local to = e.to or OUTPUT
  w:line("local past = ob + %s", size)
  if e.reserved then return end
  w:open("if past > %s then", to.limit)
  w:line("if not %s%d, tonumber(past - ob)) then return end", to.grow, e.node)
  w:line("ob = cast(bytes, %s)", to.cursor)
  w:line("past = ob + %s", size)
  w:close()
end

local function copy_row(w, e)
  local l, to = e.input, e.to or OUTPUT
  w:line("local r, ob = %s, cast(bytes, %s)", e.from, to.cursor)
  if l.has_references then
    w:line("local size = r.size_bytes")
    room(w, e, "size")
    w:line("copy(ob, r, size)")
    if e.count then w:line(e.count) end
    w:line("%s = cast(%s, past)", to.cursor, to.pointer)
  else
    if e.flat then room(w, e, tostring(l.fixed_bytes)) end
    w:line("copy(ob, r, %d) -- the row goes on as it is", l.fixed_bytes)
    if e.count then w:line(e.count) end
    w:line("%s = cast(%s, ob + %d)", to.cursor, to.pointer, l.fixed_bytes)
  end
end

local function set_null(c, zero)
  local f = c.out
  return ("o.%s = bor(o.%s, %d)%s"):format(f.null_member, f.null_member, f.null_bit, zero and " " .. zero or "")
end

local STORE = { double = "%s", int = "%s", timestamp = "%s", bool = "%s and 1 or 0", int64 = "%s.value" }

local function zero_of(f)
  if f.kind == "decimal" then return ("o.%s.low, o.%s.high = 0, 0"):format(f.member, f.member) end
  return ("o.%s = 0"):format(f.member)
end

-- A column that is an argument: nil for null.
local function write_given(w, c)
  local f, v = c.out, c.home.var
  local store = f.kind == "decimal" and ("o.%s.low, o.%s.high = %s.low, %s.high"):format(f.member, f.member, v, v)
    or ("o.%s = %s"):format(f.member, STORE[f.kind]:format(v))
  if f.required then return w:line(store) end
  w:line("if %s ~= nil then %s", v, store)
  w:line("else %s end", set_null(c, zero_of(f)))
end

-- Columns in cells. What is stored to one row may lie where another is read, as far as the trace compiler knows: so values are
-- taken before anything is written, and what is null is put right behind.
local CELLS_AT_ONCE = 50

local function take_cells(w, e, p)
  local names, values = {}, {}
  for _, c in ipairs(p.cells) do
    c.value = cells.ref(e.names, c.home) .. ".value"
    if c.out.kind ~= "decimal" and #p.cells <= CELLS_AT_ONCE then
      names[#names + 1], values[#values + 1] = c.home.var, c.value
      c.value = c.home.var
    end
  end
  if names[1] then w:line("local %s = %s", table.concat(names, ", "), table.concat(values, ", ")) end
end

local function write_cells(w, e, p)
  for _, c in ipairs(p.cells) do
    local member = "o." .. c.out.member
    if c.out.kind == "decimal" then
      local cell = cells.ref(e.names, c.home)
      w:line("%s.low, %s.high = %s.low, %s.high", member, member, cell, cell)
    else
      w:line("%s = %s", member, c.value)
    end
  end
  for _, c in ipairs(p.cells) do
    if not c.out.required then
      w:line("if %s then %s end", cells.is_null(e.names, c.home), set_null(c, zero_of(c.out)))
    end
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

-- A text of at most so many bytes is moved by two words, which is several times cheaper than a call. Both batches have slack for
-- it behind their rows; rows in state have not.
local SHORT_BYTES = 16

local function is_slack(e) return e.from == "cur.row" end

-- Where a text begins that may be a slice, nil for null, and how long it is.
local function write_slice(w, e, c, i)
  local at, x = "s" .. i, c.home.var
  if e.given[x] then
    w:line("local %s, %s = %s, 0", at, c.length, x)
    w:line('if type(%s) == "string" then %s = #%s', x, c.length, x)
    w:line('elseif type(%s) ~= "nil" then %s, %s = unpack_slice(%s) end', x, at, c.length, x)
  else
    local cell = cells.ref(e.names, c.home)
    w:line("local %s, %s", at, c.length)
    w:line("if %s.null ~= 0 then %s = 0 else %s, %s = %s.at, %s.n end", cell, c.length, at, c.length, cell, cell)
  end
  return at
end

local function write_sizes(w, e, p, out)
  local delta = out.fixed_bytes - e.input.fixed_bytes
  if p.bulk and #p.computed_texts == 0 then
    return room(w, e, (("r.size_bytes + %d"):format(delta):gsub("%+ %-", "- "):gsub(" %+ 0$", "")))
  end
  local sum = { tostring(out.fixed_bytes) }
  if p.bulk then
    sum[1] = ("r.size_bytes + %d"):format(delta):gsub("%+ %-", "- ")
  else
    for i, c in ipairs(p.pass_texts) do
      c.length = #p.pass_texts <= CELLS_AT_ONCE and "m" .. i or ("r.%s.length"):format(c.home.field.member)
      if c.length == "m" .. i then w:line("local m%d = r.%s.length", i, c.home.field.member) end
      sum[#sum + 1] = c.length
    end
  end
  for i, c in ipairs(p.computed_texts) do
    c.value, c.length = e.given[c.home.var] and c.home.var or cells.value(e.names, c.home), "n" .. i
    local length = "#%s"
    if c.home.cell == "slice" then c.value = write_slice(w, e, c, i)
    elseif c.out.view then
      -- its members now: once bytes were copied, the trace compiler would read them from memory, and make the view for that
      w:line("local a%d, n%d = nil, 0", i, i)
      w:line('if %s then a%d, n%d = %s["\\254"], %s["\\253"] end', c.value, i, i, c.value, c.value)
      c.value = "a" .. i
    elseif c.out.required then w:line("local n%d = " .. length, i, c.value)
    else
      w:line("local n%d = 0", i)
      w:line("if %s ~= nil then n%d = " .. length .. " end", c.value, i, c.value)
    end
    sum[#sum + 1] = c.length
  end
  w:line("local size = %s", table.concat(sum, " + "))
  w:line("if size > 67108864 then return %s%d, size) end", (e.to or OUTPUT).too_large, e.node)
  w:line("size = band(size + 7, -8)")
  room(w, e, "size")
end

local function write_bulk(w, e, p, out)
  local delta = out.fixed_bytes - e.input.fixed_bytes
  local from, to, at = e.input.fixed_bytes / 8, out.fixed_bytes / 8, e.input.fixed_bytes
  if is_slack(e) then
    w:open("if r.size_bytes <= %d then -- all texts at once; two words cost less than a call", at + SHORT_BYTES)
    w:line("local from, to = cast(words, r), cast(words, ob)")
    w:line("to[%d], to[%d] = from[%d], from[%d]", to, to + 1, from, from + 1)
    w:middle("else")
    if delta > 0 then
      w:line("if r.size_bytes > %d then return %s%d, r.size_bytes + %d) end", 67108864 - delta, (e.to or OUTPUT).too_large, e.node,
        delta)
    end
    w:line("copy(ob + %d, cast(bytes, r) + %d, r.size_bytes - %d)", out.fixed_bytes, at, at)
    w:close()
  else
    w:line("copy(ob + %d, cast(bytes, r) + %d, r.size_bytes - %d) -- all texts at once", out.fixed_bytes, at, at)
  end
  for _, c in ipairs(p.pass_texts) do
    w:line((("o.%s = r.%s + %d -- where it begins, how long it is"):format(c.out.word, c.home.field.word, delta)
      :gsub("%+ %-", "- "):gsub(" %+ 0 ", " ")))
  end
  if #p.computed_texts > 0 then w:line((("local at = r.size_bytes + %d"):format(delta):gsub("%+ %-", "- "))) end
end

local function write_pass_text(w, e, c)
  local from, to = "r." .. c.home.field.member, "o." .. c.out.member
  w:line("%s.offset, %s.length = at, %s", to, to, c.length)
  if is_slack(e) and not c.out.nested then -- nested values are nearly always longer
    w:open("if %s <= %d then", c.length, SHORT_BYTES)
    w:line("local from, to = cast(words, cast(bytes, r) + %s.offset), cast(words, ob + at)", from)
    w:line("to[0], to[1] = from[0], from[1]")
    w:middle("else")
    w:line("copy(ob + at, cast(bytes, r) + %s.offset, %s)", from, c.length)
    w:close()
  else
    w:line("copy(ob + at, cast(bytes, r) + %s.offset, %s)", from, c.length)
  end
  w:line("at = at + %s", c.length)
end

local function write_computed_text(w, c)
  local to = "o." .. c.out.member
  if c.out.required then w:open("do") else w:open(c.out.view and "if %s then" or "if %s ~= nil then", c.value) end
  w:line("%s.offset, %s.length = at, %s", to, to, c.length)
  if c.out.view then w:line("copy(ob + at, cast(bytes, %s), %s)", c.value, c.length)
  else w:line("copy(ob + at, %s, %s)", c.value, c.length) end
  w:line("at = at + %s", c.length)
  if not c.out.required then
    w:middle("else")
    w:line(set_null(c, ("o.%s = 0"):format(c.out.word)))
  end
  w:close()
end

-- Bulk: the texts of the input, then the computed ones; the input's rows end at a multiple of 8. Else nested values first.
local function write_texts(w, e, p, out)
  if #p.pass_texts + #p.computed_texts == 0 then return end
  local function each(list, nested, write)
    for _, c in ipairs(list) do if (c.out.nested or false) == nested then write(c) end end
  end
  local function pass(c) write_pass_text(w, e, c) end
  local function computed(c) write_computed_text(w, c) end
  if p.bulk then
    write_bulk(w, e, p, out)
    each(p.computed_texts, true, computed)
  else
    w:line("local at = %d", out.fixed_bytes)
    each(p.pass_texts, true, pass)
    each(p.computed_texts, true, computed)
    each(p.pass_texts, false, pass)
  end
  each(p.computed_texts, false, computed)
  if not p.bulk or #p.computed_texts > 0 then w:line("cast(words, ob + at)[0] = 0 -- padding") end
end

-- Size and kind of the row, as one word.
local function write_head(w, e, p, out)
  if e.plain then
    w:line("o.head = %s -- size, and kind 0", out.has_references and "size" or out.fixed_bytes)
  elseif not out.has_references then
    w:line("o.size_bytes, o.kind = %d, r.kind", out.fixed_bytes)
  elseif p.bulk and #p.computed_texts == 0 then
    w:line((("o.head = r.head + %d -- size and kind"):format(out.fixed_bytes - e.input.fixed_bytes)
      :gsub("%+ %-", "- "):gsub(" %+ 0 ", " ")))
  else
    w:line("o.head = r.head - r.size_bytes + size -- size and kind")
  end
end

---Writes `local function emit(...)`.
function emit.write(w, e)
  e.names:func(w, e.name or "emit", table.concat(e.parameters, ", "))
  if emit.is_identity(e) then
    copy_row(w, e)
    w:line("return true")
    return w:close()
  end
  local p, out, to = plan(e), layout.of(e.output), e.to or OUTPUT
  w:line("local r, ob = %s, cast(bytes, %s)", e.from, to.cursor)
  local nulls = null_words(p.pass, e.masks)
  if #nulls == 1 then w:line("local nulls = %s", nulls[1])
  elseif #nulls > 1 then w:line("local nulls = bor(%s)", table.concat(nulls, ", ")) end
  if out.has_references then write_sizes(w, e, p, out)
  elseif e.flat then room(w, e, tostring(out.fixed_bytes)) end
  take_cells(w, e, p)
  w:line("local o = cast(%s, ob)", to.pointer)
  write_head(w, e, p, out)
  for i = 0, out.null_words - 1 do w:line("o.w%d = 0", i) end
  write_cells(w, e, p)
  for _, c in ipairs(p.given) do write_given(w, c) end
  for _, c in ipairs(p.pass) do
    if not c.out.reference then
      local from, member = "r." .. c.home.field.member, "o." .. c.out.member
      if c.out.kind == "decimal" then w:line("%s.low, %s.high = %s.low, %s.high", member, member, from, from)
      else w:line("%s = %s", member, from) end
    end
  end
  write_texts(w, e, p, out)
  if #nulls > 0 then
    w:open("if nulls ~= 0 then")
    for _, c in ipairs(p.pass) do
      local f = c.home.field
      if not c.out.required and not f.required then
        local zero = c.out.reference and ("o.%s = 0"):format(c.out.word)
        w:line("if band(r.%s, %d) ~= 0 then %s end", f.null_member, f.null_bit, set_null(c, zero))
      end
    end
    w:close()
  end
  if e.count then w:line(e.count) end
  if out.has_references or e.flat then w:line("%s = cast(%s, past)", to.cursor, to.pointer)
  else w:line("%s = o + 1", to.cursor) end
  w:line("return true")
  w:close()
end

return emit
