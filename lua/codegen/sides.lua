-- Side outputs in a chunk: what out("tag", row) does in the functions of the last operator. A row goes into a batch of its own,
-- in the side output's columns, as a flat_map's rows go into the chunk's: columns that are untouched copies straight from the
-- input row, others checked. Only the last operator of a chunk can have side outputs that are read: its stream is used more
-- than once, which ends a chain. Rows for those that nobody reads are dropped here.
local cells = require "codegen.cells"
local codes = require "tidemill.codes"
local columns = require "codegen.columns"
local emit = require "codegen.emit"
local layout = require "ffi.layout"
local take = require "codegen.take"
local util = require "jit.util"
local writer = require "codegen.writer"

local sides = {}

local ROW_BYTES_MAX = 64 * 1024 * 1024 -- core/base/limits.h
local quote = writer.quote

-- --- plan

---Does the function take `out`, its second parameter?
function sides.takes_out(node)
  if node.made then return false end -- a function that makes rows has other parameters
  local info = util.funcinfo(node.fn)
  return info.params >= 2 or info.isvararg or false
end

---Plans the side outputs of the chunk's last operator: g.sides, by number.
function sides.plan(g)
  local stage = g.stages[#g.stages]
  g.sides = {}
  for i, node in ipairs(stage.node.codegen.sides or {}) do
    local side = { number = i, node = node, vars = {}, homes = {} }
    for c, f in ipairs(node.schema.fields) do
      local from = node.passes[f.name]
      local home = from and (g.passing and g.passing[f.name] or stage.env[from]) or columns.variable(10000 * i + stage.k, f.name, c, f.type)
      side.homes[f.name] = home
      if not from then side.vars[#side.vars + 1] = { field = f, home = home } end
    end
    local r = node.codegen.result
    side.forms = { record = (r.record or r.unknown) and not node.input.bare, table = r.table or r.unknown,
      text = (r.text or r.unknown) and node.schema.by_name.line ~= nil }
    side.emission = { names = g.names, masks = g.masks, from = "cur.row", input = g.input, output = node.schema,
      homes = side.homes, parameters = {}, flat = true, node = stage.k - 1, name = "emit_side_" .. i,
      to = { cursor = ("side_%d.out"):format(i), pointer = g.names:ref("side_pointer_" .. i), limit = ("side_%d.limit"):format(i),
        grow = ("grow_side(%d, "):format(i), too_large = ("raise_side_large(%d, "):format(i) } }
    g.sides[i] = side
  end
end

---Null bits that the side outputs look at.
function sides.mark(g)
  local stage = g.stages[#g.stages]
  for _, side in ipairs(g.sides) do
    if side.forms.record then
      for _, c in ipairs(side.vars) do
        local home = stage.env[c.field.name]
        if home and home.kind == "in" then columns.test_null(g.masks, home.field) end
      end
    end
    emit.mark(side.emission)
  end
end

---Variables of computed columns, for chunk.write_variables.
function sides.variables(g, list)
  for _, side in ipairs(g.sides) do
    for _, c in ipairs(side.vars) do list[#list + 1] = { home = c.home } end
  end
end

-- --- text

---Cursors and the functions that write a row.
function sides.write_emissions(w, g)
  if not g.sides[1] then return end
  w:line("")
  w:line("-- rows for side outputs")
  w:line("local grow_side, raise_side_large = R.grow_side, R.raise_side_large")
  for i, side in ipairs(g.sides) do
    w:line("local side_%d = R.side_cursors[%d] -- %q", i, i, side.node.tag)
    g.names:declare(w, "side_pointer_" .. i, ("R.side_pointers[%d]"):format(i))
    emit.write(w, side.emission)
  end
end

local function put(w, g, side, c, value)
  w:open("do")
  w:line("local x = %s", value)
  take.check(w, "x", c.field, ("raise_side_value(%d, %%s, %%s)"):format(side.number), side.node.codegen.texts[c.field.name],
    nil, nil, nil, nil, (side.node.codegen.numbers or {})[c.field.name])
  cells.put(w, g.names, c.home, "x")
  w:close()
end

local function from_table(w, g, side)
  if not side.node.codegen.result.proven then
    local count = 0
    for _, f in ipairs(side.node.schema.fields) do if not f.hidden then count = count + 1 end end
    take.check_keys(w, "x", g.names:ref("side_keys_" .. side.number), count, ("raise_side_key(%d, k)"):format(side.number))
  end
  for _, c in ipairs(side.vars) do
    w:open("do")
    w:line("local given = x")
    put(w, g, side, c, ("rawget(given, %s)"):format(quote(c.field.name)))
    w:close()
  end
end

-- Columns that are not just copied: as the record gives them now, with what a map has assigned.
local function from_record(w, g, side, stage)
  local assigned = {}
  for _, a in ipairs(stage.assigned) do assigned[a.name] = true end
  for _, c in ipairs(side.vars) do
    local name, input = c.field.name, stage.env[c.field.name]
    local value = "nil"
    if assigned[name] then value = ("%s(nil, %s)"):format(g.names:ref("index_" .. stage.k), quote(name))
    elseif input then value = g.names:ref(input.getter) .. "()" end
    put(w, g, side, c, value)
  end
end

local function write_side(w, g, side, stage)
  local parts = {}
  for _, f in ipairs(side.node.schema.fields) do
    if not f.hidden then parts[#parts + 1] = ("[%s] = true"):format(quote(f.name)) end
  end
  if not side.node.codegen.result.proven then
    g.names:declare(w, "side_keys_" .. side.number, "{ " .. table.concat(parts, ", ") .. " }")
  end
  if side.forms.record then
    for _, c in ipairs(side.vars) do
      local input = stage.env[c.field.name]
      if input then columns.write_getter(w, g.names, input, g.masks) end
    end
  end
  local n = side.number
  g.names:func(w, "side_row_" .. n, "x")
  local first = true
  local function form(test, write)
    if first then w:open("if %s then", test) else w:middle("elseif %s then", test) end
    first = false
    write(w, g, side, stage)
  end
  if side.forms.record then form(("rawequal(x, %s)"):format(g.names:ref("rec_" .. stage.k)), from_record) end
  if side.forms.table then form('type(x) == "table"', from_table) end
  if side.forms.text then
    form('type(x) == "string"', function()
      for _, c in ipairs(side.vars) do
        w:open("do")
        w:line("local given = x")
        put(w, g, side, c, c.field.name == "line" and "given" or "nil")
        w:close()
      end
    end)
  end
  if first then
    w:line("raise_side_row(%d, x)", n)
  else
    w:middle("else")
    w:line("raise_side_row(%d, x)", n)
    w:close()
    w:line("%s()", g.names:ref("emit_side_" .. n))
    w:line("tally.side_rows_%d = tally.side_rows_%d + 1", n, n)
    w:line("if tally.side_rows_%d >= tally.rows_full or cast(bytes, side_%d.out) >= tally.side_full_%d then tally.sides_full = 1 end",
      n, n, n)
  end
  w:close()
end

---Writes side_row_N of the last operator, in front of the function `out_K` that calls them.
function sides.write(w, g, stage)
  if stage.k ~= #g.stages then return end
  for _, side in ipairs(g.sides) do write_side(w, g, side, stage) end
end

---Writes what out(x, y) does with two arguments, as the first lines of `out_K`.
function sides.write_dispatch(w, g, stage)
  local a, read = stage.node.codegen.analysis, {}
  w:open("if y ~= nil then")
  if stage.k == #g.stages then
    for i, side in ipairs(g.sides) do
      read[side.node.tag] = true
      w:line("if x == %s then", quote(side.node.tag))
      w:line("  %s(y)", g.names:ref("side_row_" .. i))
      w:line("  return")
      w:line("end")
    end
  end
  for _, exit in ipairs(a.side_emits) do
    if type(exit.tag) == "string" and not read[exit.tag] then
      read[exit.tag] = true
      w:line("if x == %s then return end -- nobody reads it", quote(exit.tag))
    end
  end
  if a.out_escapes or not a.known then w:line('if type(x) == "string" then return end -- nobody reads it') end
  w:line("raise_tag(%d, x)", stage.k - 1)
  w:close()
end

---Before a loop: where the rows of side outputs go.
function sides.write_start(w, g)
  for i in ipairs(g.sides) do
    local at = ("ctx.sides[%d]"):format(i - 1)
    w:line("side_%d.out = cast(%s, %s.out + %s.out_size)", i, g.names:ref("side_pointer_" .. i), at, at)
    w:open("do")
    w:line("local room = %s.out_capacity - %s.out_size", at, at)
    w:line("if room > 67108864 then room = 67108864ULL end -- so that grow_side sees every row that is too large")
    w:line("side_%d.limit = %s.out + (%s.out_size + room)", i, at, at)
    w:close()
    w:line("tally.side_rows_%d, tally.side_full_%d = %s.out_rows, %s.out + ctx.out_full_bytes", i, i, at, at)
  end
  if g.sides[1] then
    w:line("tally.sides_full = 0")
    if not g.flat then w:line("tally.rows_full = ctx.out_full") end
  end
end

---After a loop: how far they are.
function sides.write_end(w, g)
  for i in ipairs(g.sides) do
    local at = ("ctx.sides[%d]"):format(i - 1)
    w:line("%s.out_size, %s.out_rows = cast(bytes, side_%d.out) - %s.out, tally.side_rows_%d", at, at, i, at, i)
  end
end

-- --- run time

---Members of the struct of counters and limits.
function sides.tally_members(count)
  local parts = { count > 0 and " int32_t sides_full;" or "" }
  for i = 1, count do -- side_mark, side_rows_mark of a process: where the rows of the call begin
    parts[#parts + 1] = (" uint8_t *side_full_%d; int32_t side_rows_%d; int32_t side_rows_mark_%d; uint8_t *side_mark_%d;"):format(
      i, i, i, i)
  end
  return table.concat(parts)
end

---What a chunk finds of its side outputs in its parameter: R.side_cursors, R.side_pointers, R.grow_side.
---@param stop fun(k: integer, rc: integer) ends the job with this code; does not come back
function sides.runtime(R, ffi, node, ctx, C, tally, stop)
  local cursors, pointers, full, bytes = {}, {}, {}, ffi.typeof("uint8_t *")
  for i, side in ipairs(node.codegen.sides or {}) do
    local l = layout.of(side.schema)
    pointers[i], full[i] = l.pointer, "side_full_" .. i
    cursors[i] = ffi.new(("struct { %s *out; uint8_t *limit; }"):format(l.struct))
  end
  R.side_cursors, R.side_pointers = cursors, pointers

  ---Room for one row that ends beyond the limit of a side output.
  function R.grow_side(i, k, size)
    if size > ROW_BYTES_MAX then R.raise_side_large(i, k, size) end
    local cursor, at = cursors[i], ctx.sides[i - 1]
    at.out_size = ffi.cast(bytes, cursor.out) - at.out
    if size > at.out_capacity - at.out_size then
      local mark, base = "side_mark_" .. i, at.out
      local rc = C.tm_chain_grow_side(ctx, i - 1, size)
      tally[mark] = at.out + (tally[mark] - base)
      if rc == codes.LIMIT then R.raise_side_batch(i) end
      if rc ~= 0 then stop(k, rc) end
    end
    local room = at.out_capacity - at.out_size
    if room > ROW_BYTES_MAX then room = ROW_BYTES_MAX end -- so that every row that is too large comes here
    cursor.out = ffi.cast(pointers[i], at.out + at.out_size)
    cursor.limit = at.out + (at.out_size + room)
    tally[full[i]] = at.out + ctx.out_full_bytes
    return true
  end
end

return sides
