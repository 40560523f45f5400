-- Projection: which columns of a source some operator really reads; the decoder converts only those. One backward pass:
-- what a node needs of its input is what it reads, and what its consumers need of the columns that it passes on.
local project = {}

local function every(schema, into)
  for _, f in ipairs(schema.fields) do into[f.name] = true end
end

local function visible(schema, into)
  for _, f in ipairs(schema.fields) do if not f.hidden then into[f.name] = true end end
end

-- Columns that no operator reads hold nothing, wherever they are passed on: forward, from the sources.
local function mark_unread(nodes)
  for _, node in ipairs(nodes) do
    node.unread = {}
    for _, f in ipairs(node.schema and node.schema.fields or {}) do
      if node.kind == "source" then
        node.unread[f.name] = not node.used[f.name] or nil
      else
        local from = node.passes[f.name]
        for _, input in ipairs(from and node.inputs or {}) do
          if input.unread[from] then node.unread[f.name] = true end
        end
      end
    end
  end
end

---Sets node.used of every source, and node.unread of every node (of the columns of its output): column name -> true.
---@param nodes table[] derived
function project.run(nodes)
  local needed = {} -- by id: columns of the node's output
  for _, node in ipairs(nodes) do needed[node.id] = {} end
  for i = #nodes, 1, -1 do
    local node = nodes[i]
    local mine = needed[node.id]
    if node.kind == "source" then
      node.used = {}
      for name in pairs(mine) do node.used[name] = true end
    elseif node.kind == "sink" then
      -- Behind the function of a sink, which has read what it wants, nothing more is.
      for _, input in ipairs(node.inputs) do
        if not node.takes_nothing then visible(input.schema, needed[input.id]) end
      end
    else
      -- A failed row is written whole to the dead letters.
      local whole = type(node.on_error) == "table"
      for k, input in ipairs(node.inputs) do
        local theirs, reads = needed[input.id], node.reads_of and node.reads_of[k] or node.reads
        if reads == true then
          every(input.schema, theirs)
        else
          for name in pairs(reads) do theirs[name] = true end
          for name in pairs(mine) do
            local from = node.passes[name]
            if from then theirs[from] = true end
          end
        end
        if whole then visible(input.schema, theirs) end
      end
    end
  end
  mark_unread(nodes)
end

return project
