-- Generates the Lua text of a chain: consecutive function nodes fused into one loop over the rows of a batch
-- (ARCHITECTURE D2). Between operators nothing is materialised: pass-through columns are read from the input row,
-- computed ones live in variables, and only the end writes a row. The text reads bottom up: the last operator first,
-- the loop at the end, because only values that are set before they are captured are constants to the trace compiler.
local columns = require "codegen.columns"
local emit = require "codegen.emit"
local layout = require "ffi.layout"
local result = require "codegen.result"
local stages = require "codegen.stages"
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

-- The columns that a map's function may assign to its record.
local function find_assigned(node, stage)
  local list = {}
  if node.verb ~= "map" or node.input.bare then return list end
  local a = node.codegen.analysis
  local any = not a.known or a.assigned_dynamic[1] or a.reads[1] == true
  local homes = {}
  for _, c in ipairs(stage.vars) do homes[c.field.name] = c end
  for i, f in ipairs(node.schema.fields) do
    local c = homes[f.name]
    if c and not f.hidden and (any or a.assigned[1][f.name]) then
      local flag = stage.env[f.name] and ("set_%s_%d"):format(writer.identifier(f.name, i), stage.k) or nil
      local sure = not any and not a.looked_at[1][f.name] and result.always_assigns(a, f.name)
      list[#list + 1] = { name = f.name, index = i, field = f, home = c.home, flag = not sure and flag or nil, sure = sure }
    end
  end
  return list
end

local function plan_stages(g, nodes)
  local env = columns.of_input(nodes[1].input, "in", "cur.row")
  g.stages, g.flat = {}, false
  local variables = 0
  for k, node in ipairs(nodes) do
    local stage = { k = k, node = node, verb = node.verb, env = env, vars = {}, forms = find_forms(node) }
    local after = {}
    for i, f in ipairs(node.schema.fields) do
      local from = node.passes[f.name]
      if from then
        after[f.name] = env[from]
      else
        local home = columns.variable(k, f.name, i, f.type)
        after[f.name] = home
        stage.vars[#stage.vars + 1] = { field = f, home = home }
        variables = variables + 1
      end
    end
    if node.verb == "flat_map" then g.flat = true end
    stage.assigned = find_assigned(node, stage)
    g.stages[k], env = stage, after
  end
  g.homes = env
  -- Limits of LuaJIT: 60 upvalues of a function, 200 locals of the chunk.
  local wide = #nodes > 20 or variables > 36
  for _, stage in ipairs(g.stages) do
    if #stage.node.input.fields > 36 and (stage.node.reads == true or #stages.readable(stage.node.input, stage.node.reads) > 36)
    then wide = true end
  end
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
  w:line("local ctx, null, in_pointer, out_pointer, bytes, words = R.ctx, R.null, R.in_pointer, R.out_pointer, "
    .. "R.bytes, R.words")
  w:line("local pcall, type, next, rawequal, rawget, tonumber = pcall, type, next, rawequal, rawget, tonumber")
  w:line("local floor, band, bor, rol, rshift, tobit = R.floor, R.band, R.bor, R.rol, R.rshift, R.tobit")
  w:line("local cast, copy, to_text, memcmp, text_cache = R.cast, R.copy, R.to_text, R.memcmp, R.text_cache")
  w:line("local decimal_value, int64_value, fit_decimal, fit_int64 = R.decimal_value, R.int64_value, R.fit_decimal, R.fit_int64")
  w:line("local record, no_field, grow, reserve, too_large, stop = R.record, R.no_field, R.grow, R.reserve, R.too_large, R.stop")
  w:line("local copy_record = R.copy_record")
  w:line("local fail, bad_value, bad_row, bad_key = R.fail, R.bad_value, R.bad_row, R.bad_key")
  w:line("local raise_value, raise_row, raise_column, raise_out = R.raise_value, R.raise_row, R.raise_column, R.raise_out")
  if g.names.wide then w:line("local G = {} -- too many names for locals") end
  for k, node in ipairs(nodes) do
    if node.fn then g.names:declare(w, "fn_" .. k, ("R.fns[%d]"):format(k)) end
    for i in ipairs(node.assigns or {}) do
      g.names:declare(w, ("fn_%d_%d"):format(k, i), ("R.fns[%d][%d]"):format(k, i))
    end
  end
end

local function write_variables(w, g)
  local first = true
  local function declare(name)
    if first then
      w:line("")
      w:line("-- computed columns: V.<column>_<operator>, nil is null")
      w:line("local V = {}")
      first = false
    end
    columns.declare_var(w, name)
  end
  for _, stage in ipairs(g.stages) do
    if not stage.parameters then
      for _, c in ipairs(stage.vars) do declare(c.home.var) end
    end
    for _, a in ipairs(stage.assigned) do if a.flag then declare(a.flag) end end
  end
end

---The loop over at most `n` rows from cur.row on. Nothing but the count lives in a local between two rows: a pointer there
---would be made an object whenever a filtered row leaves the trace. A numeric for, because only such a loop can be entered
---from a trace of the code around it.
---@param call string what happens to a row: `step_1() and step_2()`
---@param before string? a line at the row's start
function chunk.write_loop(w, g, name, call, before)
  local refs = g.input.has_references
  w:open("local function %s(n)", name)
  w:open("for %s = 1, n do", refs and "i" or "_")
  if before then w:line(before) end
  w:line("local go = %s", call)
  if refs then w:line("cur.row = cast(in_pointer, cast(bytes, cur.row) + cur.row.size_bytes)")
  else w:line("cur.row = cur.row + 1") end
  local done = refs and "tally.done = i  " or ""
  w:line("if go == nil and tally.stop ~= 0 then %sreturn end", done)
  if refs then w:line("if cast(bytes, cur.row) == tally.in_end then %sreturn end", done) end
  if g.flat then
    w:line("if cast(bytes, cur.out) >= tally.full or tally.rows >= tally.rows_full then %sreturn end", done)
  elseif g.output.has_references then
    w:line("if cast(bytes, cur.out) >= tally.full then %sreturn end", done)
  end
  w:close()
  if refs then w:line("tally.done = n") end
  w:close()
end

---The rows that the loop has done, in `done`; ctx.in moves on.
function chunk.write_done(w, g)
  if g.input.has_references then
    w:line("local done = tally.done")
  else
    w:line('local done = (cast(bytes, cur.row) - ctx["in"]) / %d', g.input.fixed_bytes)
  end
  w:line('ctx["in"] = cast(bytes, cur.row)')
  w:line("ctx.out_size = cast(bytes, cur.out) - ctx.out")
end

-- Once per piece of a batch: pointers out, counters in.
local function write_settle(w, g)
  w:line("")
  w:line("-- after a loop: how far input and output are, and the counts of every operator")
  w:open("local function settle()")
  chunk.write_done(w, g)
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
  w:close()
end

local function write_run(w, g, name, loop, before)
  local reserve = not g.flat and not g.output.has_references
  w:open("local function %s()", name)
  w:line('if ctx["in"] == ctx.in_end then return 0 end')
  w:open("for _ = 1, 0x7fffffff do -- nearly always once; a while could not be entered by a trace")
  w:line("if ctx.out_rows >= ctx.out_full or ctx.out_size >= ctx.out_full_bytes then return 1 end")
  if g.input.has_references then w:line("local n = 0x7fffffff")
  else w:line('local n = (ctx.in_end - ctx["in"]) / %d', g.input.fixed_bytes) end
  if not g.flat then
    w:line("local most = ctx.out_full - ctx.out_rows")
    w:line("if n > most then n = most end")
  end
  if reserve then
    local size = g.output.fixed_bytes
    w:line("local used = tonumber(ctx.out_size)")
    w:line("most = (tonumber(ctx.out_full_bytes) - used + %d) / %d", size - 1, size)
    w:line("if n > most then n = floor(most) end")
    w:line("if tonumber(ctx.out_capacity) - used < n * %d then", size)
    w:line("  local rc = reserve(n * %d)", size)
    w:line("  if rc ~= 0 then return rc end")
    w:line("end")
  end
  w:line("cur.out = cast(out_pointer, ctx.out + ctx.out_size)")
  w:line("tally.limit = ctx.out + ctx.out_capacity")
  w:line("tally.full = ctx.out + ctx.out_full_bytes")
  w:line('cur.row = cast(in_pointer, ctx["in"])')
  if g.input.has_references then w:line("tally.in_end = ctx.in_end") end
  if g.flat then w:line("tally.rows, tally.rows_full = ctx.out_rows, ctx.out_full") end
  if before then w:line(before) end
  w:line("%s(n)", loop)
  w:line("settle()")
  w:open("if tally.stop ~= 0 then")
  w:line("local rc = tally.stop")
  w:line("tally.stop = 0")
  w:line("return rc")
  w:close()
  w:line('if ctx["in"] == ctx.in_end then return 0 end')
  w:close()
  w:close()
end

---@param before string? a line before the loop
function chunk.write_run(w, g, before)
  w:line("")
  w:line("-- 0: the input is used up; 1: the output is full; negative: the job stops")
  write_run(w, g, "run", "loop", before)
  write_run(w, g, "run_interpreted", "loop_interpreted", before)
end

chunk.RESULT = "return { run = run, run_interpreted = run_interpreted, loop = loop, loop_interpreted = loop_interpreted }"

---Members of the struct of counters and limits.
function chunk.tally_members(count)
  local parts = { "const uint8_t *in_end; uint8_t *limit; uint8_t *full; int32_t rows; int32_t rows_full; int32_t stop; "
    .. "int32_t done;" }
  for k = 1, count do
    parts[#parts + 1] = (" int32_t dropped_%d; int32_t failed_%d; int32_t emitted_%d; int32_t active_%d;"):format(k, k, k, k)
  end
  return table.concat(parts)
end

---@param nodes table[] consecutive function nodes, derived; every type known
---@return string text, table plan for runtime.lua
function chunk.generate(nodes)
  local g = { masks = {}, nodes = nodes }
  plan_stages(g, nodes)
  g.input, g.output = layout.of(nodes[1].input), layout.of(nodes[#nodes].schema)
  g.emission = { names = g.names, masks = g.masks, from = "cur.row", input = g.input, output = nodes[#nodes].schema,
    homes = g.homes, parameters = g.stages[#nodes].parameters or {}, flat = g.flat, node = #nodes - 1,
    count = g.flat and "tally.rows = tally.rows + 1" or nil }
  plan_masks(g)
  local w = writer.new()
  chunk.write_head(w, g, nodes)
  write_variables(w, g)
  w:line("")
  w:line("-- the row that leaves the chain")
  emit.write(w, g.emission)
  for k = #nodes, 1, -1 do stages.write(w, g, g.stages[k]) end
  w:line("")
  w:line("-- two loops of the same text: the trace compiler only ever sees large batches in the first")
  chunk.write_loop(w, g, "loop", stages.sequence(g, 1))
  chunk.write_loop(w, g, "loop_interpreted", stages.sequence(g, 1))
  write_settle(w, g)
  chunk.write_run(w, g)
  w:line("")
  w:line(chunk.RESULT)
  return w:text(), g
end

return chunk
