-- Generates the Lua text of a chain: consecutive function nodes fused into one loop over the rows of a batch
-- (ARCHITECTURE D2). Between operators nothing is materialised: pass-through columns are read from the input row,
-- computed ones live in variables, and only the end writes a row. The text reads bottom up: the last operator first,
-- the loop at the end, because only values that are set before they are captured are constants to the trace compiler.
local cells = require "codegen.cells"
local columns = require "codegen.columns"
local emit = require "codegen.emit"
local layout = require "ffi.layout"
local loops = require "codegen.loops"
local metrics = require "tidemill.metrics"
local result = require "codegen.result"
local sides = require "codegen.sides"
local stages = require "codegen.stages"
local take = require "codegen.take"
local writer = require "codegen.writer"

local chunk = {}

-- --- plan
-- ------------------------------------------------------------------------------------------------------------------

local function find_forms(node)
  local r = node.codegen.result
  if not r then return nil end
  local text_column = node.schema.by_name.line
  return {
    record = (r.record or r.unknown) and not node.input.bare and (node.verb == "map" or node.verb == "flat_map"),
    table = r.table or r.unknown,
    text = (r.text or r.unknown) and text_column ~= nil,
  }
end

-- The columns that a map's function may assign to its record; and of these the ones that are columns of its input: the row that
-- is written copies them, so there is nothing to do when they are assigned.
local function find_assigned(node, stage)
  local list, copied = {}, {}
  if node.verb ~= "map" or node.input.bare then return list, copied end
  local a = node.codegen.analysis
  local any = result.any_column(a)
  local homes = {}
  for _, c in ipairs(stage.vars) do homes[c.field.name] = c end
  for i, f in ipairs(node.schema.fields) do
    local c = homes[f.name]
    if c and not f.hidden and (any or a.assigned[1][f.name]) then
      -- A side output may be given the record before it is assigned.
      local sure = result.writes_unseen(a, f.name) and result.always_assigns(a, f.name)
      list[#list + 1] = { name = f.name, index = i, field = f, home = c.home, sure = sure,
        flag = not sure and stage.env[f.name] ~= nil }
    elseif not c and a.assigned[1][f.name] then
      copied[#copied + 1] = f.name
    end
  end
  return list, copied
end

local function plan_stages(g, nodes, wide)
  local env = columns.of_input(nodes[1].input, "in", "cur.row")
  g.stages, g.flat = {}, false
  for k, node in ipairs(nodes) do
    local stage = { k = k, node = node, verb = node.verb, env = env, vars = {}, forms = find_forms(node) }
    local after = {}
    for i, f in ipairs(node.schema.fields) do
      local from = node.passes[f.name]
      if from then
        after[f.name] = env[from]
      else
        local codegen = node.codegen
        local home = columns.variable(k, f.name, i, f.type, codegen.slices[f.name] and take.keeps_slice(f, codegen.texts[f.name]))
        after[f.name] = home
        stage.vars[#stage.vars + 1] = { field = f, home = home }
      end
    end
    stage.open = g.open and not g.flat -- behind a flat_map an error must not leave the function that emits
    if node.verb == "flat_map" then g.flat = true end
    stage.assigned, stage.copied = find_assigned(node, stage)
    g.stages[k], env = stage, after
  end
  g.homes = env
  g.names = columns.names(wide)
  local last = g.stages[#g.stages]
  if not wide and #last.vars > 0 and #last.assigned == 0 and not (last.forms and last.forms.record) then
    local count = 0
    for _, form in ipairs { "record", "table", "text" } do if last.forms and last.forms[form] then count = count + 1 end end
    if count <= 1 then
      last.parameters = {}
      for i, c in ipairs(last.vars) do last.parameters[i] = c.home.var end
    end
  end
end

-- Which null bits the chunk looks at, over all its functions.
local function plan_masks(g)
  local function mark(home)
    if home and home.kind == "in" then columns.test_null(g.masks, home.field) end
  end
  for _, stage in ipairs(g.stages) do
    local node = stage.node
    if node.input.bare then
      if node.fn or node.assigns then mark(stage.env.line) end
    else
      for _, name in ipairs(stages.readable(node.input, node.reads)) do mark(stage.env[name]) end
    end
    if stage.forms and stage.forms.record then
      for _, c in ipairs(stage.vars) do mark(stage.env[c.field.name]) end
    end
    for _, a in ipairs(stage.assigned) do mark(stage.env[a.name]) end
  end
  emit.mark(g.emission)
  sides.mark(g)
end

-- --- text
-- ------------------------------------------------------------------------------------------------------------------

local function describe(schema)
  local parts = {}
  for _, f in ipairs(schema.fields) do
    parts[#parts + 1] = ("%s %s%s"):format(f.name:gsub("%c", "?"), f.type, f.required and "!" or "")
  end
  return table.concat(parts, ", ")
end

function chunk.write_head(w, g, nodes)
  w:line("-- in:  %s", describe(nodes[1].input))
  for k, node in ipairs(nodes) do w:line("-- %d: %s: %s", k, node.name, describe(node.schema)) end
  w:line("-- (! never null; $ hidden)")
  w:line("local R = ...")
  w:line("local cur, tally, kept = R.cur, R.tally, R.kept -- rows under way; counters and limits; reduce: the accumulated row")
  w:line("local ctx, null, in_pointer, out_pointer = R.ctx, R.null, R.in_pointer, R.out_pointer")
  w:line("local bytes, halves, ints, words = R.bytes, R.halves, R.ints, R.words")
  w:line("local pcall, type, next, rawequal, rawget, tonumber = pcall, type, next, rawequal, rawget, tonumber")
  w:line("local floor, band, bor, rol, rshift, tobit = R.floor, R.band, R.bor, R.rol, R.rshift, R.tobit")
  w:line("local cast, copy, to_text, memcmp, text_cache = R.cast, R.copy, R.to_text, R.memcmp, R.text_cache")
  w:line("local decimal_value, int64_value, fit_decimal, fit_int64 = R.decimal_value, R.int64_value, R.fit_decimal, R.fit_int64")
  w:line("local record, no_field, stop = R.record, R.no_field, R.stop")
  w:line("local grow, reserve, piece, too_large = R.grow, R.reserve, R.piece, R.too_large")
  w:line("local copy_record, is_utf8, blank, none = R.copy_record, R.is_utf8, R.blank, R.none")
  w:line("local slice, unpack_slice, slice_text, scope, chars = R.slice, R.unpack_slice, R.slice_text, R.scope, R.chars")
  w:line("local fail, bad_value, bad_row, bad_key = R.fail, R.bad_value, R.bad_row, R.bad_key")
  w:line("local raise_value, raise_row, raise_column, raise_out = R.raise_value, R.raise_row, R.raise_column, R.raise_out")
  if g.views then
    w:line("local clock, int64, any_value, views, encoders = R.clock, R.int64, R.any_value, R.views, R.encoders -- nested values")
    w:line("local slice_row = R.slice_row")
  end
  if g.takes_out then
    w:line("local raise_tag, raise_side_value, raise_side_row, raise_side_key = R.raise_tag, R.raise_side_value, R.raise_side_row, "
      .. "R.raise_side_key")
  end
  if g.names.wide then w:line("local G = {} -- too many names for locals") end
  for k, node in ipairs(nodes) do
    if node.verb == "each" and node.input.changelog then w:line("local row_kinds = R.row_kinds") end
    if node.made then w:line("local at_row, random = R.at_row, R.random") end
    if node.fn then g.names:declare(w, "fn_" .. k, ("R.fns[%d]"):format(k)) end
    if node.verb == "flat_map" and metrics.uses(node) then g.names:declare(w, "resume_" .. k, ("R.resumed[%d]"):format(k)) end
    for i in ipairs(node.assigns or {}) do
      g.names:declare(w, ("fn_%d_%d"):format(k, i), ("R.fns[%d][%d]"):format(k, i))
    end
  end
end

local function write_variables(w, g)
  local list = {}
  for _, stage in ipairs(g.stages) do
    local flagged = {}
    for _, a in ipairs(stage.assigned) do flagged[a.home] = a.flag end
    if not stage.parameters then
      for _, c in ipairs(stage.vars) do list[#list + 1] = { home = c.home, flagged = flagged[c.home] } end
    end
  end
  sides.variables(g, list)
  chunk.write_variables(w, g, list)
end

---@param list table[] { home =, flagged = }
function chunk.write_variables(w, g, list)
  if not list[1] then return end
  w:line("")
  w:line("-- computed columns: cells v_<column>_<operator>; texts T.<column>_<operator>, nil is null")
  for _, c in ipairs(list) do
    if cells.is_text(c.home) then
      w:line("local T = R.texts")
      break
    end
  end
  for _, c in ipairs(list) do cells.declare(w, g.names, c.home, c.flagged) end
end

-- What happens to one row; true ends the loop.
local function write_row(w, g, name, call, before)
  w:open("local function %s()", name)
  if g.open then w:line("if tally.idle ~= 0 then return false end") end
  if before then w:line(before) end
  if g.views then w:line("clock.row = clock.row + 1 -- views of earlier rows are of no use any more") end
  w:line("local go = %s", call)
  if g.input.has_references then w:line("cur.row = cast(in_pointer, cast(bytes, cur.row) + cur.row.size_bytes)")
  else w:line("cur.row = cur.row + 1") end
  if g.open and not g.during then
    w:open("if go == nil then")
    w:line("ctx.under_way = 0")
    w:line("if tally.stop ~= 0 then return true end")
    w:close()
  else
    w:line("if go == nil and tally.stop ~= 0 then return true end")
  end
  if g.sides and g.sides[1] then w:line("if tally.sides_full ~= 0 then return true end") end
  if g.interrupted then w:line("if ctx.interrupt ~= 0 then return true end") end
  if g.flat and not g.fixed_rows then
    w:line("if cast(bytes, cur.out) >= tally.full or tally.rows >= tally.rows_full then return true end")
  elseif not g.growth then
    w:line("if cast(bytes, cur.out) >= tally.full then return true end")
  end
  w:line("return false")
  w:close()
end

-- The loop over at most `n` rows from cur.row on; gives how many it has done. Nothing but the count lives in a local between
-- two rows: a pointer there would be made an object whenever a filtered row leaves the trace. A numeric for, because only such
-- a loop can be entered from a trace of the code around it. What it calls is an argument: for an upvalue, the trace would check
-- which function runs, by reading what a side trace has just written in two halves: a stall of 15 cycles at every filtered row.
-- Where rows have loops of their own, a trace that began here could not follow them (a trace that is a loop's takes no other loop
-- in). So the trace of this loop is made while it idles, before any row: rows are side traces of it, which may enter loops.
local function write_loop(w, g, name)
  w:open("local function %s(n, row)", name)
  w:open(g.open and "for i = 0.5, n do" or "for i = 1, n do")
  if g.open then w:line("if row() then return i + 0.5 end") else w:line("if row() then return i end") end
  w:close()
  w:line("return n")
  w:close()
end

---@param call string what happens to a row: `step_1() and step_2()`
---@param before string? a line at the row's start
function chunk.write_loops(w, g, call, before)
  w:line("")
  w:line("-- twice the same text: the trace compiler only ever sees large batches in the first")
  write_row(w, g, "row", call, before)
  write_loop(w, g, "loop")
  write_row(w, g, "row_interpreted", call, before)
  write_loop(w, g, "loop_interpreted")
  if not g.open then return end
  w:open("local function idle()")
  w:line("tally.idle = 1")
  w:line("loop(200, row)")
  w:line("tally.idle = 0")
  w:close()
end

---Do views of nested values occur in these nodes?
function chunk.has_views(nodes)
  local schemas = { nodes[1].input }
  for _, node in ipairs(nodes) do schemas[#schemas + 1] = node.schema end
  for _, side in ipairs(nodes[#nodes].codegen.sides or {}) do schemas[#schemas + 1] = side.schema end
  for _, schema in ipairs(schemas) do
    for _, f in ipairs(schema.fields) do if layout.is_view(f.type) then return true end end
  end
  return false
end

---Begins the function that ends a piece of a batch.
function chunk.open_settle(w, g)
  w:open("local function settle(done)")
  w:line('ctx["in"], ctx.in_rows = cast(bytes, cur.row), ctx.in_rows - done')
  w:line("ctx.out_size = cast(bytes, cur.out) - ctx.out")
  w:line("cur.row = blank -- the batch may be gone when a record that was kept is read")
  if g.views then w:line("clock.row = clock.row + 1") end
end

-- Once per piece of a batch: pointers out, counters in.
local function write_settle(w, g)
  w:line("")
  w:line("-- after a loop: how far input and output are, and the counts of every operator")
  chunk.open_settle(w, g)
  w:line("local counts, rows = ctx.counts, done")
  for k, stage in ipairs(g.stages) do
    local at = 4 * (k - 1)
    w:line("counts[%d] = counts[%d] + rows -- in", at, at)
    if stage.verb == "flat_map" then
      w:line("counts[%d] = counts[%d] + (rows - tally.failed_%d) -- used", at + 3, at + 3, k)
      w:line("rows = tally.emitted_%d", k)
      w:line("tally.emitted_%d, tally.failed_%d = 0, 0", k, k)
    else
      w:line("rows = rows - tally.dropped_%d - tally.failed_%d", k, k)
      if stage.verb == "filter" then w:line("counts[%d] = counts[%d] + tally.dropped_%d -- filtered", at + 2, at + 2, k) end
      w:line("tally.dropped_%d, tally.failed_%d = 0, 0", k, k)
    end
    w:line("counts[%d] = counts[%d] + rows -- out", at + 1, at + 1)
    if stage.verb ~= "flat_map" then w:line("counts[%d] = counts[%d] + rows -- used", at + 3, at + 3) end
  end
  if g.flat then w:line("ctx.out_rows = tally.rows") else w:line("ctx.out_rows = ctx.out_rows + rows") end
  sides.write_end(w, g)
  w:close()
end

-- Makes sure that what `n` rows can give at most fits, so that no row has to ask: n grows no more after this.
local function write_reserve(w, g)
  if g.growth.nothing then return end -- nothing is written
  local size, limit = g.growth.per_row, "tonumber(ctx.out_full_bytes)"
  w:line("local used = tonumber(ctx.out_size)")
  if g.growth.of_input then
    w:line('local need = tonumber(ctx.in_end - ctx["in"])')
    w:line("if need > %s then n, need = piece(n) end -- a batch of long rows is done piece by piece", limit)
    if size ~= 0 then w:line((("need = need + n * %d"):format(size):gsub("%+ n %* %-", "- n * "))) end
  else
    w:line("local fit = (%s - used + %d) / %d", limit, size - 1, size)
    w:line("if n > fit then n = floor(fit) end")
    w:line("local need = n * %d", size)
  end
  w:line("if tonumber(ctx.out_capacity) - used < need then")
  w:line("  local rc = reserve(need)")
  w:line("  if rc ~= 0 then return rc end")
  w:line("end")
end

local function write_limits(w, g)
  w:line("local room = ctx.out_capacity - ctx.out_size")
  w:line("if room > 67108864 then room = 67108864ULL end -- so that grow sees every row that is too large")
  w:line("tally.limit = ctx.out + (ctx.out_size + room)")
  w:line("tally.full_bytes = tonumber(ctx.out_full_bytes)")
  if g.fixed_rows then -- so many rows are so many bytes
    w:line("local of_rows = ctx.out_full * %d", g.output.fixed_bytes)
    w:line("if of_rows < tally.full_bytes then tally.full_bytes = of_rows end")
  end
  w:line("tally.full = ctx.out + tally.full_bytes")
end

local function write_run(w, g, suffix, before)
  w:open("local function run%s()", suffix)
  w:line("if ctx.in_rows == 0 then return 0 end")
  w:open("for _ = 1, 0x7fffffff do -- nearly always once; a while could not be entered by a trace")
  w:line("if ctx.out_rows >= ctx.out_full or ctx.out_size >= ctx.out_full_bytes then return 1 end")
  if g.interrupted then w:line("if ctx.interrupt ~= 0 then return 1 end -- by a call that has failed") end
  w:line("local n = ctx.in_rows")
  if not g.flat then
    w:line("local most = ctx.out_full - ctx.out_rows")
    w:line("if n > most then n = most end")
  end
  if g.growth then write_reserve(w, g) else write_limits(w, g) end
  w:line("cur.out = cast(out_pointer, ctx.out + ctx.out_size)")
  w:line('cur.row = cast(in_pointer, ctx["in"])')
  if g.flat then w:line("tally.rows, tally.rows_full = ctx.out_rows, ctx.out_full") end
  if type(before) == "function" then before() elseif before then w:line(before) end
  if g.sides then sides.write_start(w, g) end
  w:line("settle(loop%s(n, row%s))", suffix, suffix)
  w:open("if tally.stop ~= 0 then")
  w:line("local rc = tally.stop")
  w:line("tally.stop = 0")
  w:line("return rc")
  w:close()
  w:line("if ctx.in_rows == 0 then return 0 end")
  if g.sides and g.sides[1] then w:line("if tally.sides_full ~= 0 then return 1 end") end
  if g.interrupted then w:line("if ctx.interrupt ~= 0 then return 1 end") end
  w:close()
  w:close()
end

---@param before (string | fun())? a line before the loop, or what writes some
function chunk.write_run(w, g, before)
  w:line("")
  w:line("-- 0: the input is used up; 1: the output is full; negative: the job stops")
  write_run(w, g, "", before)
  write_run(w, g, "_interpreted", before)
end

---What the text gives.
function chunk.write_result(w, g)
  w:line("")
  w:line("return { run = run, loop = loop, run_interpreted = run_interpreted, %sinterpreted = { run_interpreted, loop_interpreted, "
    .. "row_interpreted } }", (g.open and "settle = settle, idle = idle, " or "") .. (g.undo and "undo = undo, " or "")
    .. (g.during and "begun = begun, " or ""))
end

---Members of the struct of counters and limits.
function chunk.tally_members(count, side_count)
  local parts = { "uint8_t *limit; uint8_t *full; double full_bytes; int32_t rows; int32_t rows_full; int32_t stop; int32_t idle;",
    " int32_t touched; int32_t rows_mark; uint8_t *mark;" } -- process: has the call written; where its rows begin
  for k = 1, count do
    parts[#parts + 1] = (" int32_t dropped_%d; int32_t failed_%d; int32_t emitted_%d; int32_t active_%d;"):format(k, k, k, k)
  end
  parts[#parts + 1] = sides.tally_members(side_count)
  return table.concat(parts)
end

local function generate(nodes, wide)
  local g = { masks = {}, nodes = nodes, views = chunk.has_views(nodes), open = loops.any(nodes) }
  plan_stages(g, nodes, wide)
  g.input, g.output = layout.of(nodes[1].input), layout.of(nodes[#nodes].schema)
  g.emission = { names = g.names, masks = g.masks, from = "cur.row", input = g.input, output = nodes[#nodes].schema,
    homes = g.homes, parameters = g.stages[#nodes].parameters or {}, flat = g.flat, node = #nodes - 1,
    count = g.flat and "tally.rows = tally.rows + 1" or nil }
  g.growth = emit.growth(g.emission)
  sides.plan(g)
  for _, node in ipairs(nodes) do
    g.takes_out = g.takes_out or node.verb == "flat_map"
      or ((node.verb == "map" or node.verb == "filter") and sides.takes_out(node))
  end
  plan_masks(g)
  local w = writer.new()
  chunk.write_head(w, g, nodes)
  write_variables(w, g)
  w:line("")
  w:line("-- the row that leaves the chain")
  emit.write(w, g.emission)
  sides.write_emissions(w, g)
  for k = #nodes, 1, -1 do stages.write(w, g, g.stages[k]) end
  chunk.write_loops(w, g, stages.sequence(g, 1))
  write_settle(w, g)
  chunk.write_run(w, g)
  chunk.write_result(w, g)
  return w:text(), g
end

---Names are locals where LuaJIT's limits allow it (60 upvalues of a function, 200 locals of the chunk), else fields of a table.
---@param generate_as fun(wide: boolean): string, table
---@return string text, table plan with `main`, the text as it is loaded
function chunk.narrow_or_wide(generate_as)
  local text, plan = generate_as(false)
  local name = "=tidemill:chain:" .. tostring((plan.node or plan.nodes[1]).id)
  plan.main = loadstring(text, name)
  if plan.main then return text, plan end
  text, plan = generate_as(true)
  plan.main = loadstring(text, name)
  return text, plan
end

---@param nodes table[] consecutive function nodes, derived; every type known
---@return string text, table plan for runtime.lua
function chunk.generate(nodes)
  return chunk.narrow_or_wide(function(wide) return generate(nodes, wide) end)
end

return chunk
