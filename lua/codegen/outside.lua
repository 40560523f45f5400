-- State of a process beside that of keys: broadcast state, which rule alone changes, the operator's own (tm.operator_list), and that
-- of the row's window. Each is one record, as that of a key is (keyed.lua), under a cursor, a tally and a copy of its own. Its functions
-- are the same text over these: in the block where they are written, the names that they work on stand for other things.
local ffi = require "ffi.init"
local keyed = require "codegen.keyed"

local outside = {}

---The records that a chunk of the node sees: { of = "broadcast" or "operator", slot = member of the context, record = }.
---@param node table of process.nodes
---@param role string
function outside.plan(node, role)
  local list, before = {}, #node.keyed
  if node.rules then
    local record = keyed.layout(node.broadcast, before, "broadcast")
    record.read_only = role ~= "rule"
    list[#list + 1] = { of = "broadcast", slot = "ctx.broadcast", record = record }
  end
  before = before + #node.broadcast
  if node.operator[1] then
    list[#list + 1] = { of = "operator", slot = "ctx.operator_state", record = keyed.layout(node.operator, before, "operator") }
  end
  before = before + #node.operator
  if node.window_states[1] then
    list[#list + 1] = { of = "window_state", slot = "ctx.window_state", by_row = true,
      record = keyed.layout(node.window_states, before, "window_state") }
  end
  return list
end

-- Those whose calls can be undone.
local function changed(g)
  local list = {}
  for _, s in ipairs(g.outside) do if not s.record.read_only then list[#list + 1] = s end end
  return list
end

---What the text of the undoing needs: before it.
function outside.write_names(w, g)
  for _, s in ipairs(g.outside) do
    for _, part in ipairs { "cur", "tally", "backup", "pointer" } do w:line("local %s_%s = R.outside.%s.%s", s.of, part, s.of, part) end
    w:line("local no_%s = R.no_%s", s.of, s.of)
  end
  if g.outside[1] then w:line("local read_only = R.read_only") end
end

function outside.write_take_back(w, g)
  for _, s in ipairs(changed(g)) do
    w:open("if %s_tally.touched ~= 0 then", s.of)
    w:line("copy(%s_cur.acc, %s_backup, %d)", s.of, s.of, s.record.copied)
    w:line("%s_tally.touched = 0", s.of)
    w:close()
  end
end

---The objects: names:ref of "broadcast" and "operator".
function outside.write(w, g)
  for _, s in ipairs(g.outside) do
    w:line("local %s", s.of)
    w:open("do")
    w:line("local kept, tally = %s_cur, %s_tally", s.of, s.of)
    w:open("local function touch()")
    w:line("if tally.active_1 == 0 then raise_idle() end")
    w:line("copy(%s_backup, kept.acc, %d)", s.of, s.record.copied)
    w:line("tally.touched = 1")
    w:close()
    keyed.write(w, g, s.record)
    w:line("%s = states", s.of)
    w:close()
  end
end

---Around a call.
function outside.write_active(w, g, value)
  for _, s in ipairs(g.outside) do w:line("%s_tally.active_1 = %d", s.of, value) end
end

function outside.write_kept(w, g)
  for _, s in ipairs(changed(g)) do w:line("%s_tally.touched = 0", s.of) end
end

---When the chunk is entered.
function outside.borrow(g)
  local lines = {}
  for _, s in ipairs(g.outside) do
    if s.record.states[1] and not s.by_row then
      lines[#lines + 1] = ("%s_cur.slot, %s_cur.acc = %s, cast(%s_pointer, %s[-1])"):format(s.of, s.of, s.slot, s.of, s.slot)
    end
  end
  return table.concat(lines, "\n")
end

---In a row's step: the record of its window.
function outside.write_borrow_row(w, g)
  for _, s in ipairs(g.outside) do
    if s.by_row then
      w:line("%s_cur.slot = %s + (kept.slot - ctx.slots)", s.of, s.slot)
      w:line("%s_cur.acc = cast(%s_pointer, %s_cur.slot[-1])", s.of, s.of, s.of)
    end
  end
end

---@param memory fun(plan: table, anchors: table): string, ffi.ctype*, ffi.cdata*, ffi.cdata* of a record (process_runtime.lua)
function outside.attach(R, plan, memory)
  R.outside = {}
  for _, s in ipairs(plan.outside) do
    local name, pointer, none, backup = memory({ record = s.record }, R.anchors)
    local cur = ffi.new(("struct { %s *acc; uint8_t **slot; }"):format(name))
    cur.acc = none
    R.outside[s.of] = { cur = cur, pointer = pointer, backup = ffi.cast("uint8_t *", backup),
      tally = ffi.new("struct { int32_t touched; uint8_t active_1; }") }
  end
end

return outside
