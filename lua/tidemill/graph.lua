-- The job being built: its nodes in order of creation (ids from 0), and their names. Shape of a node:
-- docs/internals/lua-side.md. Checks of single arguments are the callers' affair.
local fault = require "tidemill.fault"
local shapeless = require "tidemill.shapeless"

local graph = {}

graph.NODES_MAX = 4096

---@param session table
---@param name string
---@param options table checked
---@param at string
function graph.new_job(session, name, options, at)
  local job = { session = session, name = name, options = options, where = at, nodes = {}, names = {} }
  session.jobs[#session.jobs + 1] = job
  return job
end

local function free_name(job, base)
  local name, n = base, 1
  while job.names[name] do
    n = n + 1
    name = base .. "#" .. n
  end
  return name
end

---"map(job.lua:12)": the derived name of an operator that has no better one.
function graph.place_name(verb, at)
  return ("%s(%s)"):format(verb, at:match("([^/]+)$") or at)
end

---Adds a node. `props` is kept as the node and completed.
---@param props table kind, verb, where, inputs, base (the derived name), and what the kind needs; or, in place of base, whole: the
---  node that it is a part of for users, whose name it has
function graph.add(job, props)
  local node = props
  if #job.nodes >= graph.NODES_MAX then
    fault.raise("LIMIT", node.where, ("a job has at most %d operators"):format(graph.NODES_MAX))
  end
  shapeless.adapt(node)
  node.id = #job.nodes
  node.inputs = node.inputs or {}
  if node.whole then
    node.name = node.whole.name
  else
    node.name = free_name(job, node.base)
    job.names[node.name] = node
  end
  job.nodes[node.id + 1] = node
  -- The source above that has no end, if there is one: what waits for the end of input would wait for ever.
  node.endless = node.kind == "source" and not node.bounded and node or nil
  for _, input in ipairs(node.inputs) do
    input.consumed = input.consumed or node.kind ~= "side"
    node.endless = node.endless or input.endless
  end
  return node
end

local function rename(job, node, name)
  node.name, job.names[name] = name, node
  for _, part in ipairs(job.nodes) do if part.whole == node then part.name = name end end
end

---Gives a node the name that the user chose; a derived name that stands in its way is derived again.
function graph.set_name(job, node, name, at)
  local holder = job.names[name]
  if holder and holder ~= node and holder.explicit then
    fault.raise("DUPLICATE_NAME", at, ('the name "%s" is used twice: at %s too'):format(name, holder.where),
      "names identify operators in checkpoints and reports: choose another")
  end
  job.names[node.name] = nil
  if holder and holder ~= node then
    job.names[name] = node
    rename(job, holder, free_name(job, holder.base))
  end
  rename(job, node, name)
  node.explicit = true
end

---The name that an operator has in older checkpoints.
function graph.rename_from(job, node, was, at)
  if node.renamed_from and node.renamed_from ~= was then
    fault.raise("ARGUMENT", at, ('"%s" is renamed from "%s", and from "%s" too'):format(node.name, node.renamed_from, was),
      "the name that the newest checkpoint has is what counts")
  end
  for _, other in ipairs(job.nodes) do
    if other ~= node and other.renamed_from == was and not other.whole then
      fault.raise("DUPLICATE_NAME", at, ('renamed_from = "%s" is said twice: at %s too'):format(was, other.where),
        "what a checkpoint has under a name goes to one operator")
    end
  end
  node.renamed_from = was
end

---Raises where an operator is said to have had a name that another one has still.
function graph.check_renamed(job)
  for _, node in ipairs(job.nodes) do
    local holder = node.renamed_from and job.names[node.renamed_from]
    if holder == node then
      fault.raise("ARGUMENT", node.where, ('"%s" is renamed from its own name'):format(node.name), "leave renamed_from out")
    elseif holder and not holder.renamed_from then
      fault.raise("DUPLICATE_NAME", node.where, ('"%s" is renamed from "%s", which is the name of an operator still: at %s'):format(
        node.name, node.renamed_from, holder.where), "what a checkpoint has under a name goes to one operator: give that one another name")
    end
  end
end

---Nodes that the same call has added in front of a node (`parts`), and theirs: what is said of it is said of them.
function graph.with_parts(node, fn)
  for _, part in ipairs(node.parts or {}) do
    fn(part)
    graph.with_parts(part, fn)
  end
end

return graph
