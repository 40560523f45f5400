-- Under test, side outputs that the job does not read are kept, late rows among them: each gets a sink of its own, named
-- after its operator and its tag ("velocity.late").
local codegen = require "codegen"
local connectors = require "tidemill.connectors"
local derive = require "tidemill.derive"
local ends = require "tidemill.ends"
local graph = require "tidemill.graph"

local kept = {}

local function tags_of(node)
  if node.kind == "window" then return { node.window.late } end
  if node.kind ~= "function" and node.kind ~= "process" then return {} end
  derive.schema(node)
  return (codegen.tags(node))
end

-- Types that do not follow are told as they are where the job reads the side output: its rows would be lost without a word. What
-- else cannot be told of its rows keeps it from being read, here as in the job.
local function keep(job, node, tag)
  local read = node.read_sides or {}
  for _, side in ipairs(read) do if side.tag == tag then return end end
  local name, before = ("%s.%s"):format(node.name, tag), #job.nodes
  if job.names[name] then return end
  node.read_sides = read
  local side = graph.add(job, { kind = "side", verb = "side", where = node.where, inputs = { node }, tag = tag,
    side = #read + 1, base = ("side(%s)"):format(tag) })
  read[side.side] = { tag = tag, node = side }
  local consumed = node.consumed
  local told, why = pcall(derive.schema, side)
  if not told and type(why) == "table" and why.code == "RETURNS_NEEDED" then error(why, 0) end
  if told then
    graph.set_name(job, ends.sink(job, side, connectors.discard(), node.where), name, node.where)
    return
  end
  read[side.side], node.consumed = nil, consumed
  if #read == 0 then node.read_sides = nil end
  job.names[side.name] = nil
  for i = #job.nodes, before + 1, -1 do job.nodes[i] = nil end
end

---Gives each side output of the job's operators that nobody reads a sink.
function kept.sides(job)
  for i = 1, #job.nodes do
    local node = job.nodes[i]
    for _, tag in ipairs(tags_of(node)) do keep(job, node, tag) end
  end
end

return kept
