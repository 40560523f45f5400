-- Pours a finished job into the C graph (core/graph/graph.ffi.h). Ids are equal on both sides; columns count from 1
-- here and from 0 there.
local fault = require "tidemill.fault"
local fingerprint = require "tidemill.fingerprint"

local plan = {}

local REQUIRED, HIDDEN = 1, 2 -- TM_FIELD_*
local ON_ERROR = { fail = 0, skip = 1 } -- enum tm_on_error
local DEAD_LETTER = 2

-- enum tm_node_kind, enum tm_aggregate_kind; read from the declarations so that they cannot drift apart.
local function enum(C, prefix, name) return tonumber(C[prefix .. name:upper()]) end

local function column(schema, name, node)
  local index = schema.by_name[name]
  if not index then
    fault.raise("INTERNAL", node.where, ('%s: column "%s" was lost on the way'):format(node.name, name))
  end
  return index - 1
end

local function writer(C, graph)
  return function(node, rc)
    if rc >= 0 then return rc end
    local ffi = require "ffi"
    local code = "INTERNAL"
    for name, number in pairs(require "tidemill.codes") do if number == rc then code = name end end
    fault.raise(code, node.where, ffi.string(C.tm_graph_error_text(graph)))
  end
end

---Gives the output schema of a node to C: complete, or with "?" where the first row settles a type.
local function pour_schema(C, graph, put, node)
  local s = node.schema
  put(node, C.tm_graph_schema_begin(graph, node.id, #s.fields, (s.time_field or 0) - 1))
  for _, f in ipairs(s.fields) do
    put(node, C.tm_graph_schema_field(graph, node.id, f.name, f.type,
      (f.required and REQUIRED or 0) + (f.hidden and HIDDEN or 0)))
  end
  put(node, C.tm_graph_schema_end(graph, node.id))
end

local kinds = {}

local function keys(C, graph, put, node)
  for _, name in ipairs(node.key) do
    put(node, C.tm_graph_key(graph, node.id, column(node.input, name, node)))
  end
end

local function options(C, graph, put, node)
  for _, o in ipairs(node.options) do
    if type(o.value) == "number" then
      put(node, C.tm_graph_option_number(graph, node.id, o.name, o.value))
    elseif type(o.value) == "boolean" then
      put(node, C.tm_graph_option_bool(graph, node.id, o.name, o.value and 1 or 0))
    else
      put(node, C.tm_graph_option_string(graph, node.id, o.name, o.value))
    end
  end
end

local function connector(C, graph, put, node)
  put(node, C.tm_graph_connector(graph, node.id, node.connector, node.format))
  for _, o in ipairs(node.format_options or {}) do
    put(node, C.tm_graph_format_option(graph, node.id, o.name, o.value))
  end
  options(C, graph, put, node)
end

local function aggregates(C, graph, put, node)
  for _, a in ipairs(node.aggregates) do
    put(node, C.tm_graph_aggregate(graph, node.id, enum(C, "TM_AGGREGATE_", a.kind),
      a.field and column(node.input, a.field, node) or -1, column(node.schema, a.name, node)))
    if a.by then put(node, C.tm_graph_aggregate_by(graph, node.id, column(node.input, a.by, node))) end
    if a.q then put(node, C.tm_graph_aggregate_q(graph, node.id, a.q)) end
    if a.limit then put(node, C.tm_graph_aggregate_limit(graph, node.id, a.limit)) end
  end
end

function kinds.source(C, graph, put, node)
  connector(C, graph, put, node)
  if node.declared.inferred then put(node, C.tm_graph_inferred(graph, node.id)) end
  for i, f in ipairs(node.schema.fields) do
    if node.used[f.name] then put(node, C.tm_graph_used(graph, node.id, i - 1)) end
  end
end
kinds.sink = connector
kinds.key_by = keys
function kinds.watermark(C, graph, put, node)
  put(node, C.tm_graph_watermark(graph, node.id, column(node.input, node.field, node), node.disorder_ms, node.idle_ms))
  if node.generator then
    local bytes = require("ffi.layout").of(node.generator.schema).fixed_bytes
    put(node, C.tm_graph_generator(graph, node.id, bytes, node.generator.periodic and 1 or 0))
  end
  if node.interval_ms then put(node, C.tm_graph_interval(graph, node.id, node.interval_ms)) end
  if node.align then put(node, C.tm_graph_align(graph, node.id, node.align.group, node.align.drift)) end
end
function kinds.rolling(C, graph, put, node)
  keys(C, graph, put, node)
  aggregates(C, graph, put, node)
  put(node, C.tm_graph_emit_final(graph, node.id, node.emit == "final" and 1 or 0))
end
function kinds.reduce(C, graph, put, node)
  keys(C, graph, put, node)
  put(node, C.tm_graph_emit_final(graph, node.id, node.emit == "final" and 1 or 0))
end
local function states(C, graph, put, node, list)
  for _, s in ipairs(list) do
    put(node, C.tm_graph_state(graph, node.id, s.name, enum(C, "TM_STATE_", s.kind), s.type, s.ttl.ms or 0,
      enum(C, "TM_TTL_", s.ttl.clock), enum(C, "TM_TTL_", s.ttl.refresh)))
    if s.key then put(node, C.tm_graph_state_key(graph, node.id, s.key)) end
    if s.renamed_from then put(node, C.tm_graph_state_renamed_from(graph, node.id, s.renamed_from)) end
    if s.migrate then put(node, C.tm_graph_state_migrates(graph, node.id)) end
    if s.ahead then put(node, C.tm_graph_state_ahead(graph, node.id, column(node.input, s.ahead, node))) end
    if s.scope ~= "key" then put(node, C.tm_graph_state_scope(graph, node.id, enum(C, "TM_SCOPE_", s.scope))) end
  end
end

function kinds.window(C, graph, put, node)
  local w = node.window
  keys(C, graph, put, node)
  if w.kind ~= "sliding" or w.processing then
    put(node, C.tm_graph_window_kind(graph, node.id, enum(C, "TM_WINDOW_", w.kind), w.processing and 1 or 0))
  end
  if w.kind ~= "global" then put(node, C.tm_graph_window(graph, node.id, w.size_ms, w.slide_ms, w.offset_ms)) end
  if node.gap then put(node, C.tm_graph_window_gap(graph, node.id, column(node.input, node.gap, node))) end
  if w.lateness_ms then put(node, C.tm_graph_window_lateness(graph, node.id, w.lateness_ms)) end
  if w.late then put(node, C.tm_graph_window_late_side(graph, node.id)) end
  if w.tells_end then put(node, C.tm_graph_window_tells_end(graph, node.id)) end
  for _, t in ipairs(w.trigger or {}) do
    put(node, C.tm_graph_window_trigger(graph, node.id, enum(C, "TM_TRIGGER_", t.kind), t.value or 0, t.flags or 0))
    if t.threshold then put(node, C.tm_graph_window_threshold(graph, node.id, t.threshold)) end
  end
  if node.asked then
    local functions = 0
    for i, name in ipairs { "event_time", "processing_time", "element", "merge", "clear" } do
      if node.asked[name] then functions = functions + 2 ^ (i - 1) end
    end
    put(node, C.tm_graph_window_functions(graph, node.id, functions))
    states(C, graph, put, node, node.asked.states)
  end
  if w.evict then
    put(node, C.tm_graph_window_evictor(graph, node.id, enum(C, "TM_EVICTOR_", w.evict.kind), w.evict.value, w.evict.after and 1 or 0))
  end
  aggregates(C, graph, put, node)
  if node.custom then
    local first = node.custom.schema.fields[1].name
    put(node, C.tm_graph_aggregate(graph, node.id, enum(C, "TM_AGGREGATE_", "custom"), -1,
      column(node.schema, (node.custom.columns or {})[first] or first, node)))
  end
end

function kinds.route(C, graph, put, node)
  put(node, C.tm_graph_route(graph, node.id, enum(C, "TM_PARTITION_", node.partition),
    node.field and column(node.input, node.field, node) or -1))
end
kinds.peek = options
function kinds.side(C, graph, put, node) put(node, C.tm_graph_side(graph, node.id, node.side - 1)) end
function kinds.distinct(C, graph, put, node)
  keys(C, graph, put, node)
  for _, name in ipairs(node.identity or {}) do
    put(node, C.tm_graph_identity(graph, node.id, column(node.input, name, node)))
  end
  put(node, C.tm_graph_ttl(graph, node.id, node.ttl_ms or 0))
end
function kinds.extreme(C, graph, put, node)
  keys(C, graph, put, node)
  put(node, C.tm_graph_ranking(graph, node.id, column(node.input, node.by, node), node.descending and 1 or 0, node.limit,
    node.rank and column(node.schema, node.rank, node) or -1))
  put(node, C.tm_graph_emit_final(graph, node.id, node.emit == "final" and 1 or 0))
end
kinds.top = kinds.extreme
function kinds.process(C, graph, put, node)
  keys(C, graph, put, node)
  for _, name in ipairs(node.second_key or {}) do
    put(node, C.tm_graph_second_key(graph, node.id, column(node.inputs[2].schema, name, node)))
  end
  local second = node.inputs[2]
  if second and node.input.time_field and not second.schema.time_field then put(node, C.tm_graph_second_timeless(graph, node.id)) end
  put(node, C.tm_graph_has_timer(graph, node.id, node.timer and 1 or 0))
  for _, list in ipairs { node.states, node.broadcast or {}, node.operator or {}, node.window_states or {} } do
    states(C, graph, put, node, list)
  end
end

---@param C table ffi.C, or a stand-in with the same functions
---@param graph any struct tm_graph *
---@param job table finished by session.run
function plan.pour(C, graph, job)
  local put, given = writer(C, graph), job.options
  put({ name = job.name, where = job.where }, C.tm_graph_job(graph, job.name, given.parallelism or 0,
    given.max_parallelism or 0, given.latency, given.lua_memory or 0))
  if given.flush_processing_time_on_end then
    put({ name = job.name, where = job.where }, C.tm_graph_flush_processing(graph, 1))
  end
  if given.batch_timeout ~= nil then
    put({ name = job.name, where = job.where }, C.tm_graph_batch_timeout(graph, given.batch_timeout or 0))
  end
  local checkpoint = given.checkpoint
  if checkpoint then
    put({ name = job.name, where = job.where }, C.tm_graph_checkpoints(graph, checkpoint.interval, checkpoint.timeout,
      checkpoint.aligned_timeout or -1, checkpoint.retain, checkpoint.asked and 1 or 0))
  end
  local restart = given.restart
  if restart then
    put({ name = job.name, where = job.where }, C.tm_graph_restart(graph, restart.strategy, restart.attempts or 0,
      restart.failures or 0, restart.delay or 0, restart.interval or 0, restart.max_delay or 0, restart.reset_after or 0,
      restart.factor or 1, restart.jitter or 0))
  end
  for _, node in ipairs(job.nodes) do
    local id = put(node, C.tm_graph_add(graph, enum(C, "TM_NODE_", node.kind), node.verb, node.name, node.where))
    if id ~= node.id then
      fault.raise("INTERNAL", node.where, ("operator %d became %d in the graph"):format(node.id, id))
    end
  end
  for _, node in ipairs(job.nodes) do
    for _, input in ipairs(node.inputs) do put(node, C.tm_graph_input(graph, node.id, input.id)) end
    if node.renamed_from then put(node, C.tm_graph_renamed_from(graph, node.id, node.renamed_from)) end
    if node.parallelism then put(node, C.tm_graph_parallelism(graph, node.id, node.parallelism)) end
    if type(node.on_error) == "table" then
      put(node, C.tm_graph_on_error(graph, node.id, DEAD_LETTER, node.on_error.dead_letter.id))
    else
      put(node, C.tm_graph_on_error(graph, node.id, ON_ERROR[node.on_error], -1))
    end
    if node.schema and node.schema.changelog then put(node, C.tm_graph_changelog(graph, node.id, 1)) end
    if node.of_window then put(node, C.tm_graph_of_window(graph, node.id)) end
    if node.chaining then put(node, C.tm_graph_chaining(graph, node.id, enum(C, "TM_CHAINING_", node.chaining))) end
    if node.schema then pour_schema(C, graph, put, node) end
    for i, f in ipairs(node.schema and node.schema.fields or {}) do
      if node.unread[f.name] then put(node, C.tm_graph_unread(graph, node.id, i - 1)) end
    end
    if kinds[node.kind] then kinds[node.kind](C, graph, put, node) end
  end
  for _, m in ipairs(job.session.metrics) do
    put(m, C.tm_graph_metric(graph, enum(C, "TM_METRIC_", m.kind), m.name, m.unit or "", m.description or ""))
  end
  put({ name = job.name, where = job.where }, C.tm_graph_fingerprint(graph, fingerprint.of(job)))
end

---Gives the schemas that changed since `before` (id -> schema) to C.
function plan.publish(C, graph, job, before)
  local put = writer(C, graph)
  for _, node in ipairs(job.nodes) do
    if node.schema and node.schema ~= before[node.id] then pour_schema(C, graph, put, node) end
  end
end

return plan
