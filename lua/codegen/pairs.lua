-- Functions that say how far two rows are apart (tm.trigger.delta, tm.evict.delta): a chunk over pairs of rows of a window's
-- input. slots[2 * i] and slots[2 * i + 1] are a pair; its distance, a double, comes back in the place of the first.
local chunk = require "codegen.chunk"
local columns = require "codegen.columns"
local derive = require "codegen.derive"
local fault = require "tidemill.fault"
local layout = require "ffi.layout"
local stages = require "codegen.stages"
local values = require "codegen.values"
local writer = require "codegen.writer"

local pair = {}

-- Of which function a role is.
local WHAT = { trigger = "tm.trigger.delta", evict = "tm.evict.delta" }

---Looks at the function of a role of a window node: sets node.codegen.pairs[role] and adds to node.reads.
---@param role string "trigger" or "evict"
function pair.derive(node, role, fn)
  local param = node.input.bare and { bare = true } or { schema = node.input }
  local a = derive.analyse(node, fn, { param, param })
  derive.no_assignment(node, a, WHAT[role])
  for _, exit in ipairs(a.returns) do
    local t = values.type_of(exit.value)
    if t == "string" or t == "bool" or t == "nil" or t == "table" then
      fault.raise("TYPE", exit.where or node.where, ("%s: the function of %s gives %s; how far two rows are apart is a number")
        :format(node.name, WHAT[role], t), "for example function(a, b) return math.abs(b.price - a.price) end")
    end
  end
  derive.add_reads(node, a, 1)
  derive.add_reads(node, a, 2)
  node.codegen.pairs[role] = { analysis = a, texts = {}, findings = {}, assumed = {}, fn = fn }
end

---What stands for the function in a chunk.
function pair.nodes(node, role)
  local codegen = node.codegen.pairs[role]
  return { { id = node.id, kind = "pairs", role = role, verb = "pairs", what = WHAT[role], apart = true, name = node.name,
    where = node.where, on_error = node.on_error, input = node.input, schema = node.input, fn = codegen.fn, codegen = codegen } }
end

-- One of the two records, or texts.
local function write_side(w, g, side, p)
  if g.node.input.bare then return columns.getter(w, g.names, side.env.line, g.masks, side.label) .. "()" end
  local a = g.node.codegen.analysis
  stages.write_record(w, g, side, side.label, a.known and a.reads[p] or true, {})
  return g.names:ref("rec_" .. side.label)
end

local function generate(nodes, wide)
  local node = nodes[1]
  local g = { node = node, masks = {}, input = layout.of(node.input), views = chunk.has_views(nodes), growth = { nothing = true },
    names = columns.names(wide) }
  local first = { k = 1, node = node, label = "first", env = columns.of_input(node.input, "first", "kept.acc") }
  local second = { k = 1, node = node, label = "second", env = columns.of_input(node.input, "in", "cur.row") }
  for _, f in ipairs(g.input.fields) do columns.test_null(g.masks, f) end
  local w = writer.new()
  chunk.write_head(w, g, nodes)
  w:line("local no_distance, doubles = R.no_distance, R.doubles")
  chunk.write_variables(w, g, {})
  w:line("")
  w:line("-- how far two rows of %s are apart", node.name)
  local a, b = write_side(w, g, first, 1), write_side(w, g, second, 2)
  g.names:func(w, "step_1", "row")
  w:line("kept.acc = cast(out_pointer, row)")
  w:line("local ok, x = pcall(%s, %s, %s)", g.names:ref("fn_1"), a, b)
  w:line('if ok and type(x) ~= "number" then ok, x = false, no_distance(x) end')
  w:line("if not ok then return fail(0, x) end")
  w:line("cast(doubles, kept.slot)[-2] = x")
  w:line("return true")
  w:close()
  chunk.write_loops(w, g, g.names:ref("step_1") .. "(kept.slot[-2])",
    "kept.slot = kept.slot + 2 cur.row = cast(in_pointer, kept.slot[-1])")
  w:line("")
  chunk.open_settle(w, g)
  w:line("kept.acc = none")
  w:line("ctx.slot_index = ctx.slot_index + done * 2")
  w:line("tally.failed_1 = 0")
  w:line("ctx.counts[0] = ctx.counts[0] + done -- in")
  w:close()
  chunk.write_run(w, g, "kept.slot = ctx.slots + ctx.slot_index")
  chunk.write_result(w, g)
  return w:text(), g
end

---@param nodes table[] pair.nodes
---@return string text, table plan
function pair.generate(nodes)
  return chunk.narrow_or_wide(function(wide) return generate(nodes, wide) end)
end

return pair
