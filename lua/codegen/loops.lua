-- Do rows of a chain have loops of their own: in user functions, or in the writing of nested values that those give? Then the
-- chunk has another form (README.md, "Loops in user functions").
local layout = require "ffi.layout"
local opcodes = require "codegen.opcodes"
local type_text = require "tidemill.type_text"

local loops = {}

-- Every loop ends in one of these; ITERL has ITERC or ITERN in front of it.
local LOOPS = { FORL = true, ITERL = true, LOOP = true, IFORL = true, IITERL = true, ILOOP = true, JFORL = true, JITERL = true,
  JLOOP = true }

local function has_loop(fn)
  for _, i in ipairs(opcodes.decode(fn) or {}) do if LOOPS[i.op] then return true end end
  return false
end

---Do functions have loops, as far as the analysis has followed them?
function loops.in_functions(analysis)
  if not analysis then return false end
  for _, fn in ipairs(analysis.functions) do if has_loop(fn) then return true end end
  return false
end

-- Is writing a value of this type a loop?
local function is_walked(tree)
  if tree.kind == "list" or tree.kind == "map" or tree.kind == "any" then return true end
  if tree.kind ~= "struct" then return false end
  for _, f in ipairs(tree.of) do if is_walked(f.type) then return true end end
  return false
end

local function in_node(node)
  local c = node.codegen or {}
  if loops.in_functions(c.analysis) then return true end
  for _, a in ipairs(c.assigns or {}) do if loops.in_functions(a.analysis) then return true end end
  for _, f in ipairs(node.schema.fields) do
    if not node.passes[f.name] and layout.is_view(f.type) and is_walked(type_text.tree(f.type)) then return true end
  end
  return false
end

---Of consecutive nodes: those up to the first flat_map; what comes behind one runs within its function.
function loops.any(nodes)
  for _, node in ipairs(nodes) do
    if in_node(node) then return true end
    if node.verb == "flat_map" then return false end
  end
  return false
end

return loops
