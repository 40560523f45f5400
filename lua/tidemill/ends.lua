-- The ends of a job: source and sink nodes, dead letters, and where the errors of an operator go.
local check = require "tidemill.check"
local connectors = require "tidemill.connectors"
local derive = require "tidemill.derive"
local dead_letter = require "tidemill.dead_letter"
local fault = require "tidemill.fault"
local freeze = require "tidemill.freeze"
local graph = require "tidemill.graph"
local schema = require "tidemill.schema"
local shapeless = require "tidemill.shapeless"

local ends = {}

-- One spelling of a path. What links and ".." mean is seen when the outputs are opened.
local function spelled(path)
  local plain, count = path:gsub("//+", "/"), 1
  while count > 0 do plain, count = plain:gsub("/%./", "/") end
  plain = plain:gsub("^%./(.)", "%1"):gsub("(.)/%.?$", "%1")
  return plain
end

-- A file written, or standard input read, by two nodes would be torn.
local function claim(job, node, spec)
  local what
  if node.kind == "sink" and spec.self.values.path then
    what = ('the output "%s" is written'):format(spelled(spec.self.values.path))
  elseif node.kind == "source" and spec.connector == "stdin" then
    what = "standard input is read"
  else
    return
  end
  job.claims = job.claims or {}
  if job.claims[what] then
    fault.raise("GRAPH", node.where, ("%s twice: at %s too"):format(what, job.claims[what].where),
      node.kind == "sink" and "bring the streams together with :union(...), or write to two outputs"
      or "keep the stream of the first tm.from in a variable and use it twice")
  end
  job.claims[what] = node
end

local function finish(job, node, spec, at)
  if spec.name then graph.set_name(job, node, spec.name, at) end
  if spec.renamed_from then graph.rename_from(job, node, spec.renamed_from, at) end
  claim(job, node, spec)
  if spec.on_error ~= nil then ends.set_on_error(job, node, spec.on_error, at) end
  return node
end

-- Fields of tm.generate that are functions: an operator behind the source, which gives it the rows' numbers.
local function made_by_functions(job, source, spec, at)
  local g = spec.self.generated
  if not g or not g.number then return source end
  local node = graph.add(job, {
    kind = "function", verb = g.map and "map" or "assign", where = at, inputs = { source }, base = spec.base .. " functions",
    fn = g.map, assigns = g.map == nil and g.assigns or nil,
    made = { number = g.number, seed = spec.self.values.seed or 0, order = g.order },
  })
  node.on_error = source.on_error
  return node, source
end

-- A format that is a function: a map behind the source, which gives it lines. What it does not understand is an error of the
-- record, as in any format: it goes where the source's errors go.
local function decoded(job, source, spec, at)
  if not spec.decoder then return source end
  local node = graph.add(job, { kind = "function", verb = "map", where = at, inputs = { source }, base = spec.base .. " decoder",
    fn = spec.decoder, returns = spec.returns })
  if spec.returns and spec.returns.shapeless then shapeless.make(node, at) end
  node.on_error = source.on_error
  return node, source
end

---A source node of a connector: the node whose rows the job gets, and the source where that is another one.
function ends.source(job, connector, at)
  local spec = connectors.as_source(connector, at, job.session)
  local node = graph.add(job, {
    kind = "source", verb = "from", where = at, base = spec.base, connector = spec.connector,
    format = spec.format, format_options = spec.format_options,
    options = spec.options, declared = spec.schema, bounded = spec.bounded, shapeless = spec.schema.shapeless,
  })
  if spec.decoder then return decoded(job, finish(job, node, spec, at), spec, at) end
  return made_by_functions(job, finish(job, node, spec, at), spec, at)
end

-- A sink in Lua is an operator that is given each row, and behind it a sink that takes nothing more of them.
local function written_in_lua(job, input, spec, at)
  local v = spec.self.values
  local node = graph.add(job, { kind = "function", verb = "each", where = at, base = spec.base, inputs = { input },
    fn = v.write, open = v.open, close = v.close })
  if spec.name then graph.set_name(job, node, spec.name, at) end
  if spec.renamed_from then graph.rename_from(job, node, spec.renamed_from, at) end
  if spec.on_error ~= nil then ends.set_on_error(job, node, spec.on_error, at) end
  derive.derive(node)
  return graph.add(job, { kind = "sink", verb = "to", where = at, base = node.name .. " end", inputs = { node },
    connector = spec.connector, format = spec.format, options = spec.options, expect = spec.schema, takes_nothing = true,
    on_error = node.on_error })
end

-- A format that is a function: a map in front of the sink, which writes the text that it gives as a line.
local function encoded(job, input, spec, at)
  local encoder = spec.self.values.format
  if type(encoder) ~= "function" then return input end
  local node = graph.add(job, { kind = "function", verb = "map", where = at, inputs = { input }, base = spec.base .. " encoder",
    fn = shapeless.reader(input, encoder), reads_shapeless = true, returns = schema.line() })
  if spec.on_error ~= nil then ends.set_on_error(job, node, spec.on_error, at) end
  derive.derive(node)
  return node
end

---A sink node below `input`.
function ends.sink(job, input, connector, at)
  local spec = connectors.as_sink(connector, at, "to", job.session.findings)
  if spec.self.kind == "sink" then return written_in_lua(job, input, spec, at) end
  input = encoded(job, input, spec, at)
  if input.shapeless then
    if not shapeless.FORMATS[spec.format] then shapeless.refuse(input, at, spec.self.what .. ": " .. spec.format:upper()) end
    if spec.self.values.partition_by then shapeless.refuse(input, at, spec.self.what .. ": partition_by") end
    spec.format_options = connectors.with_options(spec.format_options, schema.options(schema.record()))
  end
  local node = graph.add(job, {
    kind = "sink", verb = "to", where = at, base = spec.base, inputs = { input }, connector = spec.connector,
    format = spec.format, format_options = spec.format_options, options = spec.options, expect = spec.schema,
    partition_by = spec.self.values.partition_by,
  })
  return finish(job, node, spec, at)
end

-- The sink node of dead letters: one per connector, however many operators name it.
local function dead_letters(job, connector, at)
  job.dead_letters = job.dead_letters or {}
  local node = job.dead_letters[connector]
  if node then return node end
  local spec = connectors.as_sink(connector, at, "on_error", job.session.findings)
  if spec.format == "text" then
    fault.raise("OPTION", at, "on_error: dead letters have several columns; text holds one", 'write format = "json"')
  end
  if spec.self.kind == "sink" then
    fault.raise("OPTION", at, "on_error: dead letters go to a sink that keeps them, not to tm.sink",
      'for example on_error = tm.file { path = "dead.jsonl" }')
  end
  if spec.schema then
    fault.raise("OPTION", at, "on_error: dead letters have columns of their own; the sink takes no schema",
      "they are " .. schema.show(dead_letter.schema()))
  end
  if freeze.kind(spec.on_error) then
    fault.raise("OPTION", at, "on_error: a sink of dead letters cannot have dead letters itself",
      'its on_error is "fail" or "skip"')
  end
  node = graph.add(job, {
    kind = "sink", verb = "on_error", where = at, base = spec.base, connector = spec.connector,
    format = spec.format, format_options = spec.format_options, options = spec.options,
    dead_letter_schema = dead_letter.schema(), on_error = "fail",
  })
  job.dead_letters[connector] = node
  return finish(job, node, spec, at)
end

---"fail", "skip" or a sink.
function ends.set_on_error(job, node, value, at)
  if value == "fail" or value == "skip" then
    node.on_error = value
  elseif freeze.kind(value) == "connector" then
    node.on_error = { dead_letter = dead_letters(job, value, at) }
  else
    check.wrong(at, "on_error", '"fail", "skip" or a sink for dead letters', value,
      'for example :on_error(tm.file { path = "dead.jsonl" })')
  end
end

return ends
