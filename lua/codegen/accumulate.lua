-- Custom aggregates (tm.aggregate): the chunks of their functions add and merge, and what the analysis of these says. The
-- accumulator of a key is a row of its own in the state, in place: fixed part as every row, but what a text or nested
-- column refers to is a blob of the state (tm_chain_blob, tm_chain_keep). A function assigns to variables, which are written into the
-- accumulator when it has returned: after an error the accumulator is as before.
--
-- reduce of a window is one too (`custom.fold`): its accumulator is a row of the input, which its function makes anew of that one and
-- another, as add and as merge.
--
-- add:      slots[i] is the accumulator for input row i, NULL: the row is not for it.
-- merge:    slots[2 * i] takes in what slots[2 * i + 1] holds.
-- Generators of watermarks (tm.watermarks) keep their state of a split in such an accumulator:
-- event:    as add, with the row's time; what it gives goes to marks[i].
-- periodic: slots[i] is asked for marks[i]; there are no rows.
local cells = require "codegen.cells"
local chunk = require "codegen.chunk"
local columns = require "codegen.columns"
local derive = require "codegen.derive"
local fault = require "tidemill.fault"
local layout = require "ffi.layout"
local result = require "codegen.result"
local stages = require "codegen.stages"
local suggest = require "tidemill.suggest"
local take = require "codegen.take"
local values = require "codegen.values"
local views = require "codegen.views"
local writer = require "codegen.writer"

local accumulate = {}

local quote = writer.quote

-- --- analysis
-- ---------------------------------------------------------------------------------------------------------------

local function names_of(schema)
  local names = {}
  for _, f in ipairs(schema.fields) do if not f.hidden then names[#names + 1] = f.name end end
  return names
end

local SAYS = { add = "add changes its accumulator, its first parameter", merge = "merge changes its first parameter",
  event = "event changes its state, its first parameter", periodic = "periodic changes its state, its first parameter" }

-- What a node declares beside its functions.
local function declared(node) return node.kind == "watermark" and node.generator or node.custom end
local function is_mark(role) return role == "event" or role == "periodic" end

local function check_assigned(node, role, a)
  local schema, what = declared(node).schema, is_mark(role) and "state" or "accumulator"
  for _, name in ipairs(suggest.keys(a.assigned[1])) do
    if not schema.by_name[name] then
      local names = names_of(schema)
      fault.raise("ROW_KEY", a.assigned[1][name], ("%s: %s assigns the field %q; the %s has %s"):format(node.name, role, name, what,
        suggest.list(names)), suggest.hint(name, names) or ("declare it in %s = { ... }"):format(what))
    end
  end
  local other = a.assigned[2] and (next(a.assigned[2]) or (a.assigned_dynamic[2] and "a field"))
  if other then
    fault.raise("ROW_KEY", a.assigned[2][other] or node.where, ("%s: %s assigns %q of its second parameter"):format(node.name, role, other),
      SAYS[role] .. ", and nothing else")
  end
end

-- A function of this kind returns nothing, or its accumulator.
local function check_returns(node, role, a)
  for _, exit in ipairs(a.returns) do
    local v = exit.value
    local other = v.t == "row" and v.only and exit.rows[v.only] and exit.rows[v.only].p ~= 1
    if v.t == "type" or v.t == "field" or other then
      fault.raise("TYPE", node.where, ("%s: its %s returns %s"):format(node.name, role, other and "a row of its own" or "a value"),
        SAYS[role] .. ", and returns nothing: function(a, e) a.sum = a.sum + e.price end")
    end
  end
end

local MARK = { int = true, double = true, timestamp = true, number = true }

-- One of these gives a watermark, or nothing.
local function check_marks(node, role, a)
  for _, exit in ipairs(a.returns) do
    local v = exit.value
    local given = v.t == "row" and "a record" or (v.t == "type" or v.t == "field") and not MARK[v.type] and v.type
    if given then
      fault.raise("TYPE", exit.where or node.where, ("%s: its %s gives %s; a watermark is a number of milliseconds since 1970, or nothing")
        :format(node.name, role, given), "a text of a time: tm.time.parse makes milliseconds of it")
    end
  end
end

accumulate.ROLES = { window = { "add", "merge" }, watermark = { "event", "periodic" } }

-- What reduce returns: one of its records, or a table with columns of theirs.
local function check_fold(node, a)
  local r = result.of(a.returns)
  if r.wrong or (r.text and not node.input.bare) then
    fault.raise("TYPE", node.where, ("%s: its function returns a value of type %s; it must return a row, as its parameters are")
      :format(node.name, r.wrong or "string"), "return a table with the columns, or one of the records")
  elseif r.positional then
    fault.raise("TYPE", node.where, ("%s: its function returns a table with list items; columns have names"):format(node.name))
  end
  local names, given = names_of(node.custom.schema), {}
  for k in pairs(r.types) do given[k] = true end
  for k in pairs(a.assigned[1]) do given[k] = true end
  for _, name in ipairs(suggest.keys(given)) do
    if not node.custom.schema.by_name[name] then
      fault.raise("ROW_KEY", node.where, ("%s: its function gives a column %q; reduce keeps its input's columns: %s"):format(
        node.name, name, suggest.list(names)), suggest.hint(name, names) or "make the columns with map before key_by")
    end
  end
  local other = next(a.assigned[2]) or (a.assigned_dynamic[2] and "a field")
  if other then
    fault.raise("ROW_KEY", a.assigned[2][other] or node.where, ("%s: its function assigns %q of its second parameter"):format(node.name,
      other), "reduce changes its first parameter, or returns a row of its own")
  end
end

---Looks at the functions of a window node with a custom aggregate: sets node.codegen and adds to node.reads.
---@return table[] findings
function accumulate.derive(node)
  local custom = declared(node)
  node.codegen = { findings = {}, assumed = {}, texts = {}, roles = {} }
  for _, role in ipairs(accumulate.ROLES[node.kind]) do
    local fn = custom[role]
    if fn then
      local first, second = { schema = custom.schema }, { schema = role == "merge" and custom.schema or node.input }
      if node.input.bare then second = (role ~= "merge" or custom.fold) and { bare = true } or second end
      if node.input.bare and custom.fold then first = { bare = true } end
      local params = { first, second }
      if role == "event" then params[3] = { value = values.of("timestamp") } end
      if role == "periodic" then params[2] = nil end
      local a = derive.analyse(node, fn, params)
      if custom.fold then
        check_fold(node, a)
      else
        check_assigned(node, role, a)
        if is_mark(role) then check_marks(node, role, a) else check_returns(node, role, a) end
      end
      node.codegen.roles[role] = { analysis = a, texts = {}, findings = {}, assumed = {} }
      if role == "add" or role == "event" then derive.add_reads(node, a, 2) end
    end
  end
  if custom.fold and node.reads ~= true then -- every column goes out
    for _, name in ipairs(names_of(custom.schema)) do node.reads[name] = true end
  end
  return node.codegen.findings
end

---What stands for the functions of a chunk: an operator that takes rows, and the accumulator as one whose record can be assigned to.
---@param role string "add", "merge", "event" or "periodic"
function accumulate.nodes(node, role)
  local custom, codegen = declared(node), node.codegen.roles[role]
  local input = (role == "merge" or role == "periodic") and custom.schema or node.input
  return {
    { id = node.id, kind = "window", role = role, verb = custom.fold and "reduce" or role, fold = custom.fold, name = node.name,
      where = node.where, on_error = node.on_error, time = node.field, input = input, schema = custom.schema, fn = custom[role],
      codegen = codegen, defaults = custom.defaults, strict = node.strict },
    { id = node.id, kind = "window", role = role, verb = "accumulator", name = node.name, where = node.where, input = custom.schema,
      schema = custom.schema, codegen = codegen, strict = node.strict },
  }
end

-- --- text
-- -------------------------------------------------------------------------------------------------------------------

-- Homes of an accumulator's columns. side: 0 of slots[..], 1 of what is merged into it.
local function homes_of(schema, prefix, cursor, side)
  local homes = columns.of_input(schema, prefix, cursor)
  for _, home in pairs(homes) do
    local f = home.field
    if f.reference then
      home.read = function(w)
        w:line("local n = r.%s.length", f.member)
        if not f.nested then w:line('if n == 0 then return "" end') end
        w:line("local p = blob(kept.slot, %d, cast(bytes, r) + %d)", side, f.offset)
        if f.view then
          w:line("return (%s(cast(int64, p), clock.row, n))", f.kind == "any" and "any_value" or ("views[%s]"):format(quote(f.type)))
        else
          w:line("return to_text(p, n)")
        end
      end
    end
  end
  return homes
end

local function plan(node, accumulator, wide)
  local merge = node.role == "merge"
  local g = { node = node, masks = {}, bare = node.input.bare, input = layout.of(node.input), views = chunk.has_views { node, accumulator },
    growth = { nothing = true }, defaults = node.defaults, names = columns.names(wide) }
  local a = node.codegen.analysis
  g.row = { k = 1, node = node, label = "row" }
  g.acc = { k = 2, node = accumulator, label = "acc", assigned = {}, env = homes_of(accumulator.schema, "acc", "kept.acc", 0) }
  g.row.env = merge and homes_of(node.input, "in", "cur.row", 1) or columns.of_input(node.input, "in", "cur.row")
  local any = node.fold or not a.known or a.assigned_dynamic[1] or a.reads[1] == true
  for i, f in ipairs(accumulator.schema.fields) do
    if any or a.assigned[1][f.name] then
      g.acc.assigned[#g.acc.assigned + 1] = { name = f.name, index = i, field = f,
        home = cells.home("acc_" .. writer.identifier(f.name, i), f.type), flag = true }
    end
  end
  g.mark, g.alone = is_mark(node.role), node.role == "periodic"
  local time = node.role == "event" and node.input.fields[node.input.by_name[node.time]].name
  -- All null bits of a row are tested at once; the accumulator's on their own.
  g.acc_masks = {}
  for _, f in ipairs(layout.of(accumulator.schema).fields) do columns.test_null(g.acc_masks, f) end
  for _, name in ipairs(g.alone and {} or stages.readable(node.input, a.known and not g.bare and not node.fold and a.reads[2] or true)) do
    columns.test_null(g.masks, g.row.env[name].field)
  end
  g.time = time and g.row.env[time]
  if g.time then columns.test_null(g.masks, g.time.field) end
  return g
end

---@param to string? where the blob is, instead of in the accumulator
local function write_keep(w, f, p, n, to)
  w:line("local rc = keep(kept.slot, %s, %s, %s)", to or ("cast(bytes, r) + %d"):format(f.offset), p, n)
  w:open("if rc ~= 0 then")
  w:line("tally.stop = rc")
  w:line("return false")
  w:close()
end

local function is_zero(value)
  return value == nil or (type(value) ~= "cdata" and (value == 0 or value == false or value == ""))
end

-- A value other than zero; `d`: the expression that has it.
local function write_default(w, f, d)
  if f.kind == "decimal" then w:line("r.%s.low, r.%s.high = %s.low, %s.high", f.member, f.member, d, d)
  elseif f.kind == "int64" then w:line("r.%s = %s.value", f.member, d)
  elseif f.kind == "bool" then w:line("r.%s = 1", f.member)
  elseif f.reference then
    w:open("do")
    write_keep(w, f, d, "#" .. d)
    w:close()
  else w:line("r.%s = %s", f.member, d) end
end

-- The first row of a key finds zeros: gives the accumulator its initial values.
local function write_init(w, g)
  local l = layout.of(g.acc.node.schema)
  g.names:func(w, "init")
  w:line("local r = kept.acc")
  local nulls = {}
  for i, f in ipairs(l.fields) do
    if g.defaults[i] == nil then nulls[f.null_member] = bit.bor(nulls[f.null_member] or 0, f.null_bit) end
  end
  for i = 0, 2 * l.null_words - 1 do w:line("r.n%d = %d", i, nulls["n" .. i] or 0) end
  for i, f in ipairs(l.fields) do
    if not is_zero(g.defaults[i]) then write_default(w, f, ("defaults[%d]"):format(i)) end
  end
  w:line("r.size_bytes = %d", l.fixed_bytes)
  w:line("return true")
  w:close()
end

local STORE = { double = "v.value", int = "v.value", timestamp = "v.value", bool = "v.value", int64 = "v.value" }

-- One variable into the accumulator `r`.
local function write_store(w, g, a)
  local f = layout.of(g.acc.node.schema).by_name[a.name]
  w:open("if %s then", cells.is_set(g.names, a.home))
  w:open("if %s then", cells.is_null(g.names, a.home))
  w:line("r.%s = bor(r.%s, %d)", f.null_member, f.null_member, f.null_bit)
  w:middle("else")
  w:line("if band(r.%s, %d) ~= 0 then r.%s = band(r.%s, %d) end", f.null_member, f.null_bit, f.null_member, f.null_member,
    bit.bnot(f.null_bit))
  if a.fresh then
    write_keep(w, f, "none_bytes", 0)
    w:line("r.%s = %s.word", f.word, a.fresh)
  elseif f.view then
    w:line("local x = %s", cells.value(g.names, a.home))
    write_keep(w, f, ('cast(bytes, x["\\%d"])'):format(views.AT:byte()), ('x["\\%d"]'):format(views.LENGTH:byte()))
  elseif f.reference then
    w:line("local x = %s", cells.value(g.names, a.home))
    write_keep(w, f, "x", "#x")
  elseif f.kind == "decimal" then
    w:line("local v = %s", cells.ref(g.names, a.home))
    w:line("r.%s.low, r.%s.high = v.low, v.high", f.member, f.member)
  else
    w:line("local v = %s", cells.ref(g.names, a.home))
    w:line("r.%s = %s", f.member, STORE[f.kind])
  end
  w:close()
  w:close()
end

-- A nested value may be another column's, whose memory goes when that one is stored: where several are assigned, all are copied
-- before any is replaced.
local function write_fresh(w, g)
  for _, a in ipairs(g.acc.assigned) do
    if a.fresh then
      w:open("if %s and not (%s) then", cells.is_set(g.names, a.home), cells.is_null(g.names, a.home))
      w:line("local x = %s", cells.value(g.names, a.home))
      w:line("%s.word = 0", a.fresh)
      write_keep(w, nil, ('cast(bytes, x["\\%d"])'):format(views.AT:byte()), ('x["\\%d"]'):format(views.LENGTH:byte()),
        ("cast(bytes, %s)"):format(a.fresh))
      w:close()
    end
  end
end

-- What reduce's function returns becomes the accumulator, by assignments that check it. The first row is taken as it is.
local function write_fold(w, g)
  local acc, schema = g.names:ref("rec_acc"), g.node.schema
  local function assign(value)
    for _, f in ipairs(schema.fields) do w:line("%s[%s] = %s", acc, quote(f.name), value(f.name)) end
    w:line("return")
  end
  local function take_row()
    assign(function(name) return g.bare and g.argument:sub(3) or ("%s[%s]"):format(g.names:ref("rec_row"), quote(name)) end)
  end
  w:line("local keys = {}")
  for _, f in ipairs(schema.fields) do w:line("keys[%s] = true", quote(f.name)) end
  g.names:func(w, "fold", "fresh")
  w:open("if fresh then")
  take_row()
  w:close()
  w:line("local x = %s(%s%s)", g.names:ref("fn_1"), g.bare and g.names:ref("acc_line") .. "()" or acc, g.argument)
  if g.bare then
    w:open('if type(x) == "string" then')
    assign(function() return "x" end)
    w:close()
  else
    w:line("if rawequal(x, %s) then return end", acc)
    w:open("if rawequal(x, %s) then", g.names:ref("rec_row"))
    take_row()
    w:close()
    w:open('if type(x) == "table" then')
    take.check_keys(w, "x", "keys", #schema.fields, "raise_key(0, k)")
    assign(function(name) return ("rawget(x, %s)"):format(quote(name)) end)
    w:close()
  end
  w:line("raise_row(0, x)")
  w:close()
end

local function write_step(w, g)
  if g.node.fold then write_fold(w, g) end
  local nested = {}
  for _, a in ipairs(g.acc.assigned) do
    if layout.of(g.acc.node.schema).by_name[a.name].view then nested[#nested + 1] = a end
  end
  for i, a in ipairs(nested[2] and nested or {}) do
    g.names:declare(w, "fresh_" .. i, "R.blob_cell()")
    a.fresh = g.names:ref("fresh_" .. i)
  end
  g.names:func(w, "store")
  w:line("local r = kept.acc")
  write_fresh(w, g)
  for _, a in ipairs(g.acc.assigned) do write_store(w, g, a) end
  w:line("return true")
  w:close()
  g.names:func(w, "step_1", "acc")
  w:line("if acc == nil then return true end -- not for this row")
  w:line("kept.acc = cast(out_pointer, acc)")
  w:line("local fresh = kept.acc.size_bytes == 0")
  w:line("if fresh and not %s() then return end", g.names:ref("init"))
  for _, a in ipairs(g.acc.assigned) do cells.write_set(w, g.names, a.home, false) end
  if g.node.fold then
    w:line("local ok, x = pcall(%s, fresh)", g.names:ref("fold"))
  else
    w:line("local ok, x = pcall(%s, %s%s)", g.names:ref("fn_1"), g.acc_argument, g.argument)
  end
  if g.mark then
    w:open("if ok and x ~= nil then")
    w:open('if type(x) ~= "number" or floor(x) ~= x or x > 9007199254740992 or x < -9007199254740992 then')
    w:line("ok, x = false, bad_mark(x)")
    w:middle("else")
    w:line("ctx.marks[kept.slot - ctx.slots - 1] = x")
    w:line("ctx.mark_count = ctx.mark_count + 1")
    w:close()
    w:close()
  elseif not g.node.fold then
    w:line("if ok and x ~= nil and not rawequal(x, %s) then ok, x = false, returned(x) end", g.names:ref("rec_acc"))
  end
  w:open("if not ok then")
  w:line("if fresh then kept.acc.size_bytes = 0 end")
  w:line("return fail(0, x)")
  w:close()
  w:line("if %s() then return true end", g.names:ref("store"))
  w:close()
end

-- The records of the accumulator and of the row, or its text.
local function write_records(w, g)
  local a = g.node.codegen.analysis
  local function write(side, masks, p)
    local as = setmetatable({ masks = masks }, { __index = g })
    return stages.write_record(w, as, side, side.label, a.known and not g.node.fold and a.reads[p] or true, {})
  end
  g.acc_argument = write(g.acc, g.acc_masks, 1)
  if g.alone then
    g.argument = ""
  elseif g.bare then
    g.argument = ", " .. columns.getter(w, g.names, g.row.env.line, g.masks, "row") .. "()"
  else
    g.argument = ", " .. write(g.row, g.masks, 2)
  end
  if g.time then
    columns.write_getter(w, g.names, g.time, g.masks)
    g.argument = ("%s, (%s())"):format(g.argument, g.names:ref(g.time.getter))
  end
end

local function generate(nodes, wide)
  local node = nodes[1]
  local g = plan(node, nodes[2], wide)
  local w = writer.new()
  chunk.write_head(w, g, nodes)
  if node.fold then w:line("local raise_key = R.raise_key") end
  w:line("local blob, keep, defaults = R.blob, R.keep, R.defaults -- the accumulator's texts; initial values")
  w:line("local returned, bad_mark, none_bytes = R.returned, R.bad_mark, R.none_bytes")
  local list = {}
  for _, a in ipairs(g.acc.assigned) do list[#list + 1] = { home = a.home, flagged = true } end
  chunk.write_variables(w, g, list)
  w:line("")
  w:line("-- %s of %s", node.role, node.name)
  write_init(w, g)
  write_records(w, g)
  write_step(w, g)
  if node.role == "merge" then
    chunk.write_loops(w, g, g.names:ref("step_1") .. "(kept.slot[-2])",
      "kept.slot = kept.slot + 2 cur.row = cast(in_pointer, kept.slot[-1])")
  else
    chunk.write_loops(w, g, g.names:ref("step_1") .. "(kept.slot[-1])", "kept.slot = kept.slot + 1")
  end
  w:line("")
  chunk.open_settle(w, g)
  w:line("kept.acc = none")
  w:line("ctx.slot_index = ctx.slot_index + done%s", node.role == "merge" and " * 2" or "")
  w:line("tally.failed_1 = 0")
  w:line("ctx.counts[0] = ctx.counts[0] + done -- in")
  w:close()
  chunk.write_run(w, g, "kept.slot = ctx.slots + ctx.slot_index")
  chunk.write_result(w, g)
  return w:text(), g
end

---@param nodes table[] accumulate.nodes
---@return string text, table plan
function accumulate.generate(nodes)
  return chunk.narrow_or_wide(function(wide) return generate(nodes, wide) end)
end

return accumulate
