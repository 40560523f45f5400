-- Generates the chunk of a reduce: one row per input row, made by the user's function from the row that is
-- accumulated for its key (in state, read where it lies) and the input row. What the function returns decides how the
-- new row is written: one of its two records with its assignments, or a table. The first row of a key is copied as it
-- is.
local cells = require "codegen.cells"
local columns = require "codegen.columns"
local chunk = require "codegen.chunk"
local emit = require "codegen.emit"
local layout = require "ffi.layout"
local stages = require "codegen.stages"
local take = require "codegen.take"
local writer = require "codegen.writer"

local reduce = {}

local quote = writer.quote

local function visible(schema)
  local list = {}
  for i, f in ipairs(schema.fields) do if not f.hidden then list[#list + 1] = { field = f, index = i } end end
  return list
end

-- One of the two records: homes of its columns, and what the function may assign.
local function plan_side(node, p, label, prefix, cursor)
  local a = node.codegen.analysis
  local side = { k = 1, node = node, label = label, p = p, assigned = {} }
  side.env = columns.of_input(p == 1 and node.schema or node.input, prefix, cursor)
  if node.input.bare then return side end
  local any = not a.known or a.assigned_dynamic[p] or a.reads[p] == true
  for _, c in ipairs(visible(node.schema)) do
    if any or a.assigned[p][c.field.name] then
      local id = writer.identifier(c.field.name, c.index)
      side.assigned[#side.assigned + 1] = { name = c.field.name, index = c.index, field = c.field,
        home = cells.home(("%s_%s"):format(label, id), c.field.type), flag = true }
    end
  end
  return side
end

local function add_getter(w, g, home)
  columns.write_getter(w, g.names, home, g.masks)
  return g.names:ref(home.getter) .. "()"
end

local function time_of(schema) return schema.time_field and schema.fields[schema.time_field] end

-- Where the columns of a row come from that is the input row; the hidden time is that row's time.
local function homes_of_row(g)
  local homes, time = {}, time_of(g.node.schema)
  for name, home in pairs(g.row.env) do homes[name] = home end
  if time then homes[time.name] = g.row.env[time_of(g.node.input).name] end
  return homes
end

-- Emission of a record of this side: its row, with what was assigned. The event time is the input row's.
local function emission_of(g, side)
  local homes, parameters = {}, {}
  for name, home in pairs(side.p == 1 and side.env or homes_of_row(g)) do homes[name] = home end
  for _, a in ipairs(side.assigned) do homes[a.name] = a.home end
  local time = time_of(g.node.schema)
  if side.p == 1 and time then
    homes[time.name] = cells.home("time", "timestamp")
    parameters[1] = "time"
  end
  return { names = g.names, masks = g.masks, from = side.p == 1 and "kept.acc" or "cur.row", input = side.p == 1 and g.output or g.input,
    output = g.node.schema, homes = homes, parameters = parameters, flat = false, node = 0, name = "emit_" .. side.label }
end

-- Emission of a table: every visible column is an argument (or a variable, when they are many).
local function emission_of_table(g)
  local homes, parameters = homes_of_row(g), {}
  g.table_columns = {}
  for _, c in ipairs(visible(g.node.schema)) do
    local home = cells.home("new_" .. writer.identifier(c.field.name, c.index), c.field.type)
    homes[c.field.name] = home
    g.table_columns[#g.table_columns + 1] = { field = c.field, home = home }
    if not g.names.wide then parameters[#parameters + 1] = home.var end
  end
  return { names = g.names, masks = g.masks, from = "cur.row", input = g.input, output = g.node.schema, homes = homes,
    parameters = parameters, flat = false, node = 0, name = "emit_table" }
end

-- Columns that the function did not assign keep their value.
local function write_record_result(w, g, side)
  for _, a in ipairs(side.assigned) do
    w:open("if not (%s) then", cells.is_set(g.names, a.home))
    w:line("local x = %s", side.getters[a.name])
    cells.put(w, g.names, a.home, "x")
    w:close()
    if a.field.required then
      w:line("if %s then return bad_value(0, %s, nil) end", cells.is_null(g.names, a.home), quote(a.name))
    end
  end
  local argument = side.p == 1 and time_of(g.node.schema) and g.time_getter or ""
  stages.write_taken(w, side)
  w:line("return (%s(%s))", g.names:ref("emit_" .. side.label), argument)
end

local function write_table_result(w, g, x)
  local proven = g.node.codegen.result.proven
  if not proven then
    take.check_keys(w, x, "keys", #visible(g.node.schema), "return bad_key(0, k)")
  end
  local time = time_of(g.node.input) -- what a row without a time in it gets
  for _, c in ipairs(g.table_columns) do
    local name = c.field.name
    local v = g.names.wide and "x_new" or c.home.var
    local read = g.bare and (name == "line" and x or "nil") or ("rawget(%s, %s)"):format(x, quote(name))
    if g.names.wide then w:open("do") end
    w:line("local %s = %s", v, read)
    take.check(w, v, { name = name, type = c.field.type }, "return bad_value(0, %s, %s)", g.node.codegen.texts[name], false, g.open, nil,
      nil, g.node.codegen.numbers[name])
    if time and name == time.name then w:line("if %s == nil then %s = %s end", v, v, g.time_getter) end
    if c.field.required then w:line("if %s == nil then return bad_value(0, %s, nil) end", v, quote(name)) end
    if g.names.wide then
      cells.put(w, g.names, c.home, v)
      w:close()
    end
  end
  local arguments = {}
  if not g.names.wide then for i, c in ipairs(g.table_columns) do arguments[i] = c.home.var end end
  stages.write_taken(w, g)
  w:line("return (%s(%s))", g.names:ref("emit_table"), table.concat(arguments, ", "))
end

local function write_step(w, g)
  local forms = {}
  local r = g.forms
  if r.record then
    forms[1] = { ("rawequal(x, %s)"):format(g.names:ref("rec_acc")), function() write_record_result(w, g, g.acc) end }
    forms[2] = { ("rawequal(x, %s)"):format(g.names:ref("rec_row")), function() write_record_result(w, g, g.row) end }
  end
  if r.table then
    forms[#forms + 1] = { g.bare and 'type(x) == "string"' or 'type(x) == "table"', function() write_table_result(w, g, "x") end }
  end
  g.names:func(w, "step_1", "acc")
  w:line("if acc == nil then return (%s()) end -- the first row of its key", g.names:ref("emit_first"))
  w:line("kept.acc = cast(out_pointer, acc)")
  for _, side in ipairs { g.acc, g.row } do
    for _, a in ipairs(side.assigned) do cells.write_set(w, g.names, a.home, false) end
  end
  stages.write_call(w, g.acc, g.names:ref("fn_1"), g.acc.argument .. ", " .. g.row.argument)
  for i, form in ipairs(forms) do
    if i == 1 then w:open("if %s then", form[1]) else w:middle("elseif %s then", form[1]) end
    form[2]()
  end
  if #forms > 0 then w:close() end
  w:line("return bad_row(0, x)")
  w:close()
end

local function plan(node, wide)
  local g = { node = node, masks = {}, bare = node.input.bare, input = layout.of(node.input), views = chunk.has_views { node },
    open = true }
  g.output = layout.of(node.schema)
  if not g.output.has_references then g.growth = { per_row = g.output.fixed_bytes, of_input = false } end
  local r = node.codegen.result
  g.forms = { record = (r.record or r.unknown) and not g.bare, table = r.table or r.unknown or (g.bare and r.text) }
  g.acc, g.row = plan_side(node, 1, "acc", "acc", "kept.acc"), plan_side(node, 2, "row", "in", "cur.row")
  g.acc.open, g.row.open = g.open, g.open
  g.names = columns.names(wide)
  g.emissions = { { names = g.names, masks = g.masks, from = "cur.row", input = g.input, output = node.schema,
    homes = homes_of_row(g), parameters = {}, flat = false, node = 0, name = "emit_first" } }
  if g.forms.record then
    g.emissions[2], g.emissions[3] = emission_of(g, g.acc), emission_of(g, g.row)
  end
  if g.forms.table then g.emissions[#g.emissions + 1] = emission_of_table(g) end
  -- Every column may be read, passed or both: all their null bits are looked at.
  for _, f in ipairs(g.input.fields) do columns.test_null(g.masks, f) end
  for _, f in ipairs(g.output.fields) do columns.test_null(g.masks, f) end
  return g
end

-- Records and getters of one side.
local function write_side(w, g, side)
  local a = g.node.codegen.analysis
  if g.bare then
    side.argument = add_getter(w, g, side.env.line)
    return
  end
  side.getters = {}
  for _, assigned in ipairs(side.assigned) do side.getters[assigned.name] = add_getter(w, g, side.env[assigned.name]) end
  side.argument = stages.write_record(w, g, side, side.label, a.known and a.reads[side.p] or true, {})
end

-- What the functions assign, and (in a wide chunk) what a table gives.
local function variables(g)
  local list = {}
  for _, side in ipairs { g.acc, g.row } do
    for _, a in ipairs(side.assigned) do list[#list + 1] = { home = a.home, flagged = true } end
  end
  if g.names.wide then for _, c in ipairs(g.table_columns or {}) do list[#list + 1] = { home = c.home } end end
  return list
end

local function generate(node, wide)
  local g = plan(node, wide)
  local w = writer.new()
  chunk.write_head(w, g, { node })
  chunk.write_variables(w, g, variables(g))
  if not node.codegen.result.proven then
    local parts = {}
    for _, c in ipairs(visible(node.schema)) do parts[#parts + 1] = ("[%s] = true"):format(quote(c.field.name)) end
    w:line("local keys = { %s }", table.concat(parts, ", "))
  end
  w:line("")
  w:line("-- the new row, by what the function returned")
  for _, e in ipairs(g.emissions) do emit.write(w, e) end
  local time = time_of(node.input)
  if time then g.time_getter = add_getter(w, g, g.row.env[time.name]) end
  w:line("")
  w:line("-- 1: %s", node.name)
  write_side(w, g, g.acc)
  write_side(w, g, g.row)
  write_step(w, g)
  local call = g.names:ref("step_1") .. "(kept.slot[-1])"
  local before = "kept.slot = kept.slot + 1"
  chunk.write_loops(w, g, call, before)
  w:line("")
  chunk.open_settle(w, g)
  w:line("kept.acc = none")
  w:line("ctx.slot_index = ctx.slot_index + done")
  w:line("local counts, rows = ctx.counts, done - tally.failed_1")
  w:line("tally.failed_1 = 0")
  w:line("counts[0], counts[1], counts[3] = counts[0] + done, counts[1] + rows, counts[3] + rows -- in, out, used")
  w:line("ctx.out_rows = ctx.out_rows + rows")
  w:close()
  chunk.write_run(w, g, "kept.slot = ctx.slots + ctx.slot_index")
  chunk.write_result(w, g)
  return w:text(), g
end

---@param node table reduce node, derived; every type known
---@return string text, table plan
function reduce.generate(node)
  return chunk.narrow_or_wide(function(wide) return generate(node, wide) end)
end

return reduce
