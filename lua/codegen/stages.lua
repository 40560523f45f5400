-- The generated functions of one operator of a chain: its record, `step_K`, which calls the user's function protected
-- and and for flat_map `out_K`. A step returns true when the row goes on to the next operator, false when it is
-- filtered, nil when it failed; in a trace these are constants. Calls are never in tail position: LuaJIT ends a trace
-- after 15 of those.
local cells = require "codegen.cells"
local columns = require "codegen.columns"
local metrics = require "tidemill.metrics"
local sides = require "codegen.sides"
local take = require "codegen.take"
local writer = require "codegen.writer"

local stages = {}

local quote = writer.quote

-- --- records
-- ---------------------------------------------------------------------------------------------------------------

local function visible(schema)
  local list = {}
  for _, f in ipairs(schema.fields) do if not f.hidden then list[#list + 1] = f.name end end
  return list
end

-- The columns that a function may read, in the schema's order.
local function readable(schema, reads)
  local list = {}
  for _, name in ipairs(visible(schema)) do if reads == true or reads[name] then list[#list + 1] = name end end
  return list
end
stages.readable = readable

-- Column names and expressions as a chain of tests: in a trace the name is a constant and nothing of it is left.
-- A wide chunk looks them up instead.
local function write_index(w, g, label, entries, otherwise)
  if g.names.wide then
    local members = g.names:ref("members_" .. label)
    g.names:declare(w, "members_" .. label, "{}")
    for _, e in ipairs(entries) do w:line("%s[%s] = %s", members, quote(e.name), e.fn) end
    g.names:func(w, "index_" .. label, "_, k")
    w:line("local member = %s[k]", members)
    w:line("if member then return (member()) end")
  else
    g.names:func(w, "index_" .. label, "_, k")
    for _, e in ipairs(entries) do w:line("if k == %s then return (%s()) end", quote(e.name), e.fn) end
  end
  w:line(otherwise)
  w:close()
end

-- Columns that the function assigns: it reads back what it assigned.
local function write_own_getter(w, g, stage, a, label)
  local name = ("own%s_%s"):format(label, writer.identifier(a.name, a.index))
  local getter = a.flag and columns.getter(w, g.names, stage.env[a.name], g.masks, label, nil)
  g.names:func(w, name)
  if a.flag then
    w:open("if %s then", cells.is_set(g.names, a.home))
    cells.write_return(w, g.names, a.home)
    w:close()
    w:line("return (%s())", getter)
  else
    cells.write_return(w, g.names, a.home)
  end
  w:close()
  return g.names:ref(name)
end

local function write_setters(w, g, stage, label)
  g.names:func(w, "assign_" .. label, "_, k, x")
  for _, a in ipairs(stage.assigned) do
    w:open("if k == %s then", quote(a.name))
    take.check(w, "x", a.field, ("raise_value(%d, %%s, %%s)"):format(stage.k - 1), stage.node.codegen.texts[a.name])
    cells.put(w, g.names, a.home, "x")
    if a.flag then cells.write_set(w, g.names, a.home, true) end
    w:line("return")
    w:close()
  end
  for _, name in ipairs(stage.copied or {}) do w:line("if k == %s then return end -- copied from the input row", quote(name)) end
  w:line("raise_column(%d, k)", stage.k - 1)
  w:close()
end

---Writes the record of a function: a value without contents whose columns are found by name. Gives what stands for it in
---calls: the record, or under test what makes one for each call.
---@param label string "2" or "2_1": suffix of its names
---@return string
function stages.write_record(w, g, stage, label, reads, modes)
  local entries = {}
  -- Getters first: they are functions of their own.
  local getters, seen = {}, {}
  for _, a in ipairs(stage.assigned or {}) do seen[a.name] = a end
  local own = {}
  for _, name in ipairs(readable(stage.node.input, reads)) do
    if not seen[name] then
      getters[name] = columns.getter(w, g.names, stage.env[name], g.masks, label, modes[name])
    end
  end
  for _, a in ipairs(stage.assigned or {}) do own[a.name] = write_own_getter(w, g, stage, a, label) end
  for _, name in ipairs(readable(stage.node.input, reads)) do
    entries[#entries + 1] = { name = name, fn = own[name] or getters[name] }
    own[name] = nil
  end
  for _, a in ipairs(stage.assigned or {}) do
    if own[a.name] then entries[#entries + 1] = { name = a.name, fn = own[a.name] } end
  end
  if not stage.node.input.by_name.copy then w:line("-- e:copy()") end
  write_index(w, g, label, entries, stage.node.input.by_name.copy and ("return no_field(%d, k)"):format(stage.k - 1)
    or ('return k == "copy" and copy_record or no_field(%d, k)'):format(stage.k - 1))
  if stage.assigned and (#stage.assigned > 0 or stage.copied and stage.copied[1]) then
    write_setters(w, g, stage, label)
    g.names:declare(w, "rec_" .. label, ("record(%d, %s, %s)"):format(stage.k - 1, g.names:ref("index_" .. label),
      g.names:ref("assign_" .. label)))
  else
    g.names:declare(w, "rec_" .. label, ("record(%d, %s)"):format(stage.k - 1, g.names:ref("index_" .. label)))
  end
  local record = g.names:ref("rec_" .. label)
  if not stage.node.strict then return record end
  g.names:declare(w, "renew_" .. label, ("R.renewal(%s)"):format(record))
  g.names:func(w, "next_" .. label)
  w:line("%s = %s()", record, g.names:ref("renew_" .. label))
  w:line("return %s", record)
  w:close()
  return g.names:ref("next_" .. label) .. "()"
end

-- What the user's function is called with: its record, or the text of a bare stream.
---@param field integer? of a generated row: which of its functions
local function argument(w, g, stage, label, analysis, modes, field)
  local node = stage.node
  if node.made then
    local number = columns.getter(w, g.names, stage.env[node.made.number], g.masks, label)
    return ("at_row(%.0f, %d, %s()), random"):format(node.made.seed, field, number)
  end
  if node.input.bare then
    return columns.getter(w, g.names, stage.env.line, g.masks, label, modes.line) .. "()"
  end
  return stages.write_record(w, g, stage, label, analysis.known and analysis.reads[1] or true, modes)
end

-- --- results
-- ---------------------------------------------------------------------------------------------------------------

local function index_of(t, name, proven)
  if not proven then return ("rawget(%s, %s)"):format(t, quote(name)) end
  if name:find("^[%a_][%w_]*$") and not columns.KEYWORDS[name] then return t .. "." .. name end
  return ("%s[%s]"):format(t, quote(name))
end

-- One value into its column's variable, which is an argument of emit in the last operator.
---@param give string? see take.check
---@param given string?
local function put(w, g, stage, c, value, bad, give, given)
  local codegen, name = stage.node.codegen, c.field.name
  local numbers = codegen.numbers or {}
  if stage.parameters then
    w:line("local %s = %s", c.home.var, value)
    take.check(w, c.home.var, c.field, bad, codegen.texts[name], codegen.slices[name], stage.open, give, given, numbers[name])
  else
    w:open("do")
    w:line("local x = %s", value)
    take.check(w, "x", c.field, bad, codegen.texts[name], codegen.slices[name], stage.open, give, given, numbers[name])
    cells.put(w, g.names, c.home, "x")
    w:close()
  end
end

local function shape_of(stage, c) return stage.node.codegen.shapes[c.field.name] end

local function from_table(w, g, stage, x, bad, bad_key)
  local proven = stage.node.codegen.result.proven
  if not proven then
    take.check_keys(w, x, g.names:ref("row_keys_" .. stage.k), #visible(stage.node.schema), bad_key)
  end
  for _, c in ipairs(stage.vars) do
    local shape = shape_of(stage, c)
    put(w, g, stage, c, index_of(x, c.field.name, proven), bad, shape and g.names:ref("give_" .. c.home.var), shape and shape.flat and x)
  end
end

local function from_record(w, g, stage, bad)
  local assigned = {}
  for _, a in ipairs(stage.assigned) do assigned[a.name] = a end
  for _, c in ipairs(stage.vars) do
    local a = assigned[c.field.name]
    local input = stage.env[c.field.name]
    if a and a.flag then
      w:open("if not (%s) then", cells.is_set(g.names, c.home))
      put(w, g, stage, c, ("%s()"):format(g.names:ref(input.getter)), bad)
      w:close()
    elseif not a then
      put(w, g, stage, c, input and g.names:ref(input.getter) .. "()" or "nil", bad)
    elseif c.field.required then
      w:line("if %s then %s end", cells.is_null(g.names, c.home), bad:format(quote(c.field.name), "nil"))
    end
  end
end

local function from_text(w, g, stage, x, bad)
  for _, c in ipairs(stage.vars) do put(w, g, stage, c, c.field.name == "line" and x or "nil", bad) end
end

-- The operators from `k` on, up to a flat_map that goes on by itself: an expression as a step's result.
function stages.sequence(g, k)
  local parts = {}
  for i = k, #g.stages do
    parts[#parts + 1] = g.names:ref("step_" .. i) .. "()"
    if g.stages[i].verb == "flat_map" then break end
  end
  return table.concat(parts, " and ")
end

-- Writes the call of a user function: its result is the local `x`. An error is the row's: caught here, or, where user functions
-- have loops, by whoever called the chunk (README.md, "Loops in user functions").
---@param strings string? its scope of slices
---@param leave fun()? writes what is done when it has returned, before an error is looked at
---@param declared boolean? the locals are there
function stages.write_call(w, stage, fn, arguments, strings, leave, declared)
  local declare = declared and "" or "local "
  if leave then w:line("tally.active_%d = 1", stage.k) end
  if strings then w:line("scope.strings = %s", strings) end
  if stage.open then
    w:line("ctx.under_way = %d", stage.k)
    w:line("%sx = %s(%s)", declare, fn, arguments)
  else
    w:line("%sok, x = pcall(%s, %s)", declare, fn, arguments)
  end
  if strings then w:line("scope.strings = false") end
  if leave then leave() end
  if not stage.open then w:line("if not ok then return fail(%d, x) end", stage.k - 1) end
end

-- Behind the last use of what the user function gave.
function stages.write_taken(w, stage)
  if stage.open then w:line("ctx.under_way = 0") end
end

-- What a step gives for a row that it took.
local function next_call(g, stage)
  if stage.k < #g.stages then return "true" end
  return ("(%s(%s))"):format(g.names:ref("emit"), table.concat(stage.parameters or {}, ", "))
end

---Writes what becomes of the row `x` that map returned or flat_map emitted.
function stages.deliver(w, g, stage, x, bad, bad_row, bad_key)
  local r = stage.forms
  local forms = {}
  if r.record then
    forms[#forms + 1] = { ("rawequal(%s, %s)"):format(x, g.names:ref("rec_" .. stage.k)), function() from_record(w, g, stage, bad) end }
  end
  if r.table then
    forms[#forms + 1] = { ('type(%s) == "table"'):format(x), function() from_table(w, g, stage, x, bad, bad_key) end }
  end
  if r.text then
    local slices = stage.node.codegen.slices.line and (' or type(%s) == "number"'):format(x) or ""
    forms[#forms + 1] = { ('type(%s) == "string"%s'):format(x, slices), function() from_text(w, g, stage, x, bad) end }
  end
  if #forms == 0 then -- nothing that the function can return is a row, or it never returns
    w:line(bad_row)
    return
  elseif #forms == 1 then
    w:line("if not (%s) then %s end", forms[1][1], bad_row)
    if stage.verb == "flat_map" and not stage.uncounted then w:line("tally.emitted_%d = tally.emitted_%d + 1", stage.k, stage.k) end
    forms[1][2]()
  else
    for i, form in ipairs(forms) do
      if i == 1 then w:open("if %s then", form[1]) else w:middle("elseif %s then", form[1]) end
      form[2]()
    end
    w:middle("else")
    w:line(bad_row)
    w:close()
    if stage.verb == "flat_map" and not stage.uncounted then w:line("tally.emitted_%d = tally.emitted_%d + 1", stage.k, stage.k) end
  end
  if stage.verb ~= "flat_map" then
    stages.write_taken(w, stage)
    w:line("return %s", next_call(g, stage))
  else
    w:line("local go = %s", stage.k < #g.stages and stages.sequence(g, stage.k + 1) or next_call(g, stage))
    if stage.k < #g.stages and metrics.uses(stage.node) then
      w:line("%s() -- metrics are this operator's again", g.names:ref("resume_" .. stage.k))
    end
    w:line("if go == nil and tally.stop ~= 0 then stop() end -- leaves the function that emits")
  end
end

local deliver = stages.deliver

local function reset_assigned(w, g, stage)
  for _, a in ipairs(stage.assigned) do
    if a.flag then cells.write_set(w, g.names, a.home, false)
    elseif not a.sure then cells.put(w, g.names, a.home, "nil") end
  end
end

-- --- verbs
-- -----------------------------------------------------------------------------------------------------------------

local verbs = {}

-- The table of the groups whose texts must be strings, where a function is given slices (slice.lua); else nil.
local function slice_scope(w, g, label, analysis, modes)
  for _, mode in pairs(modes) do
    if mode == "slice" or (type(mode) == "table" and mode.view) then
      local parts, sorted = {}, {}
      for name in pairs(analysis.strings) do if not name:find("%z") then sorted[#sorted + 1] = name end end
      table.sort(sorted)
      for i, name in ipairs(sorted) do parts[i] = ("[%s] = true"):format(quote(name)) end
      g.names:declare(w, "strings_" .. label, "{ " .. table.concat(parts, ", ") .. " }")
      return g.names:ref("strings_" .. label)
    end
  end
end

-- Writes `out_K` for a function that gives rows to side outputs only.
local function write_out(w, g, stage)
  if not sides.takes_out(stage.node) then return end
  sides.write(w, g, stage)
  g.names:func(w, "out_" .. stage.k, "x, y")
  w:line("if tally.active_%d == 0 then raise_out(%d) end", stage.k, stage.k - 1)
  sides.write_dispatch(w, g, stage)
  w:line("raise_tag(%d, x)", stage.k - 1)
  w:close()
end

-- Calls the function, with `out` where it takes that: local x.
local function write_call(w, g, stage, arg, strings)
  local k, fn = stage.k, g.names:ref("fn_" .. stage.k)
  if stage.verb ~= "flat_map" and not sides.takes_out(stage.node) then return stages.write_call(w, stage, fn, arg, strings) end
  stages.write_call(w, stage, fn, arg .. ", " .. g.names:ref("out_" .. k), strings, function()
    w:line("tally.active_%d = 0", k)
    w:line("if tally.stop ~= 0 then return end -- %s", stage.verb == "flat_map" and "a later operator failed while this one emitted"
      or "a row for a side output could not be kept")
  end)
end

function verbs.filter(w, g, stage)
  local c = stage.node.codegen
  local arg = argument(w, g, stage, tostring(stage.k), c.analysis, c.modes)
  local strings = slice_scope(w, g, tostring(stage.k), c.analysis, c.modes)
  write_out(w, g, stage)
  g.names:func(w, "step_" .. stage.k)
  write_call(w, g, stage, arg, strings)
  stages.write_taken(w, stage)
  w:open("if not x then")
  w:line("tally.dropped_%d = tally.dropped_%d + 1", stage.k, stage.k)
  w:line("return false")
  w:close()
  w:line("return %s", next_call(g, stage))
  w:close()
end

function verbs.each(w, g, stage)
  local c = stage.node.codegen
  local arg = argument(w, g, stage, tostring(stage.k), c.analysis, c.modes)
  if stage.node.input.changelog then arg = arg .. ", row_kinds[cur.row.kind]" end
  local strings = slice_scope(w, g, tostring(stage.k), c.analysis, c.modes)
  g.names:func(w, "step_" .. stage.k)
  stages.write_call(w, stage, g.names:ref("fn_" .. stage.k), arg, strings)
  stages.write_taken(w, stage)
  w:line("return %s", next_call(g, stage))
  w:close()
end

local function pass_on(w, g, stage)
  g.names:func(w, "step_" .. stage.k)
  w:line("return %s", next_call(g, stage))
  w:close()
end
verbs.select, verbs.drop = pass_on, pass_on

function verbs.key(w, g, stage)
  local c = stage.node.codegen
  local bad = ("return bad_value(%d, %%s, %%s)"):format(stage.k - 1)
  local arg = argument(w, g, stage, tostring(stage.k), c.analysis, c.modes)
  local strings = slice_scope(w, g, tostring(stage.k), c.analysis, c.modes)
  g.names:func(w, "step_" .. stage.k)
  stages.write_call(w, stage, g.names:ref("fn_" .. stage.k), arg, strings)
  if #stage.vars == 0 then
    w:line("if x == nil then %s end", bad:format(quote(stage.node.key_name), "x"))
  else
    if stage.node.verb == "gap" then
      w:line('if type(x) == "number" and not (x > 0) then %s end', bad:format(quote(stage.node.key_name), "x"))
    end
    put(w, g, stage, stage.vars[1], "x", bad)
  end
  stages.write_taken(w, stage)
  w:line("return %s", next_call(g, stage))
  w:close()
end

verbs.partition, verbs.event_time, verbs.gap = verbs.key, verbs.key, verbs.key

function verbs.assign(w, g, stage)
  local bad = ("return bad_value(%d, %%s, %%s)"):format(stage.k - 1)
  local args, strings = {}, {}
  for i, a in ipairs(stage.node.codegen.assigns) do
    args[i] = argument(w, g, stage, stage.k .. "_" .. i, a.analysis, a.modes, i)
    strings[i] = slice_scope(w, g, stage.k .. "_" .. i, a.analysis, a.modes)
  end
  local by_name = {}
  for _, c in ipairs(stage.vars) do by_name[c.field.name] = c end
  g.names:func(w, "step_" .. stage.k)
  w:line(stage.open and "local x" or "local ok, x")
  for i, a in ipairs(stage.node.assigns) do
    w:line("-- %s", (a.name:gsub("%c", "?")))
    stages.write_call(w, stage, g.names:ref(("fn_%d_%d"):format(stage.k, i)), args[i], strings[i], nil, true)
    local c = by_name[a.name]
    if c then put(w, g, stage, c, "x", bad) end
  end
  stages.write_taken(w, stage)
  w:line("return %s", next_call(g, stage))
  w:close()
end

-- What from_table needs of a stage.
local function write_table_parts(w, g, stage)
  for _, c in ipairs(stage.vars) do
    if shape_of(stage, c) then
      g.names:declare(w, "give_" .. c.home.var, ("R.shaped(%d, %s)"):format(stage.k, quote(c.field.name)))
    end
  end
  if stage.node.codegen.result.proven then return end
  local parts, kept = {}, {}
  for _, name in ipairs(stage.node.keeps or {}) do kept[name] = true end
  for _, name in ipairs(visible(stage.node.schema)) do
    if not kept[name] then parts[#parts + 1] = ("[%s] = true"):format(quote(name)) end
  end
  g.names:declare(w, "row_keys_" .. stage.k, "{ " .. table.concat(parts, ", ") .. " }")
end

function verbs.map(w, g, stage)
  local c, k = stage.node.codegen, stage.k
  local arg = argument(w, g, stage, tostring(k), c.analysis, c.modes, 0)
  local strings = slice_scope(w, g, tostring(k), c.analysis, c.modes)
  write_table_parts(w, g, stage)
  for _, col in ipairs(stage.vars) do -- what a returned record takes from the input
    local input = stage.env[col.field.name]
    if stage.forms.record and input then columns.write_getter(w, g.names, input, g.masks) end
  end
  write_out(w, g, stage)
  g.names:func(w, "step_" .. k)
  reset_assigned(w, g, stage)
  write_call(w, g, stage, arg, strings)
  deliver(w, g, stage, "x", ("return bad_value(%d, %%s, %%s)"):format(k - 1), ("return bad_row(%d, x)"):format(k - 1),
    ("return bad_key(%d, k)"):format(k - 1))
  w:close()
end

function verbs.flat_map(w, g, stage)
  local c, k = stage.node.codegen, stage.k
  local arg = argument(w, g, stage, tostring(k), c.analysis, c.modes)
  local strings = slice_scope(w, g, tostring(k), c.analysis, c.modes)
  write_table_parts(w, g, stage)
  for _, col in ipairs(stage.vars) do
    local input = stage.env[col.field.name]
    if stage.forms.record and input then columns.write_getter(w, g.names, input, g.masks) end
  end
  local a = c.analysis
  local many = #a.side_emits > 0 or a.out_escapes or not a.known -- it may be called with a tag
  if many then sides.write(w, g, stage) end
  g.names:func(w, "out_" .. k, many and "x, y" or "x")
  w:line("if tally.active_%d == 0 then raise_out(%d) end", k, k - 1)
  if many then sides.write_dispatch(w, g, stage) end
  deliver(w, g, stage, "x", ("raise_value(%d, %%s, %%s)"):format(k - 1), ("raise_row(%d, x)"):format(k - 1),
    ("raise_column(%d, k)"):format(k - 1))
  if strings then w:line("scope.strings = %s -- the operators behind have had theirs", strings) end
  w:close()
  g.names:func(w, "step_" .. k)
  write_call(w, g, stage, arg, strings)
  stages.write_taken(w, stage)
  w:line("return true")
  w:close()
end

function stages.write(w, g, stage)
  local node = stage.node
  w:line("")
  w:line("-- %d: %s", stage.k, node.name)
  verbs[node.verb](w, g, stage)
end

return stages
