-- The entry points of C (core/vm/vm.c) into Lua; nothing else is called from there. Pointers come as numbers (an
-- address has at most 47 bits), because a light userdata in a hot loop cannot be compiled. Each entry is called
-- protected with `host.handler`, so what C sees of a failure is always a fault { code, message, where, hint }.
local clock = require "tidemill.clock"
local libraries = require "tidemill.libraries"
-- The C library's os is not opened (core/vm/libraries.c). Our own modules that name os find the one on the engine's
-- clock, so it must be there before they load.
rawset(_G, "os", rawget(_G, "os") or libraries.os)

local fault = require "tidemill.fault"
local fingerprint = require "tidemill.fingerprint"
local metrics = require "tidemill.metrics"
local place = require "tidemill.place"
local position = require "tidemill.position"
local plan = require "tidemill.plan"
local random = require "tidemill.random"
local session = require "tidemill.session"
local traces = require "tidemill.traces"
local trouble = require "tidemill.trouble"

local host = {}

local current -- the session of this lua_State
local arguments

---What C gives once.
---@class tidemill.host.arguments
---@field path string
---@field text string
---@field one_liner boolean of -e: `tm` is there already, and `return` may be left out
---@field test boolean the job runs under test
---@field program boolean `text` is a job that a spec built
---@field set table<string, string>
---@field seed number
---@field read fun(path: string): string?, string?
---@field print fun(line: string)
---@field now_ms fun(): number
---@field hash fun(text: string): number, number FNV-1a of 64 bits: the high half, the low half
---@field helpers number address of the struct tm_text that helper functions work with
---@field infer fun(index: integer, source: table): table[]?, string?, string?, integer? columns of a source without a schema

---Does ahead what is the same for every job, for a state that is kept as it is now.
function host.ready()
  for _, name in ipairs { "codegen.migrate", "codegen.sketch", "ffi.init", "jit.opt", "tidemill.undeclared",
    "tidemill.window_functions" } do
    require(name)
  end
  require("codegen").ready()
end

---@param args tidemill.host.arguments
function host.boot(args)
  arguments = args
  fingerprint.set_hash(args.hash)
  libraries.seal_strings()
  clock.set_source(args.now_ms)
  require("library.attach")(args.helpers, args.read)
  -- Generated chunks are long loops with many side exits; the defaults would run out (PERFORMANCE, 5.1).
  require("jit.opt").start("maxtrace=8000", "maxrecord=16000", "maxirconst=2000", "maxside=400", "maxsnap=2000",
    "sizemcode=256", "maxmcode=40960")
  traces.attach()
end

---Runs the script: the job is built, and in this state for good.
function host.script()
  if current and current.job then
    fault.raise("INTERNAL", current.path, "the script was evaluated twice in one state")
  end
  current = session.new {
    path = arguments.path, text = arguments.text, set = arguments.set, read = arguments.read,
    one_liner = arguments.one_liner, test = arguments.test, program = arguments.program, infer = arguments.infer,
    print = function(text)
      local at = place.here()
      arguments.print(at ~= "" and at .. ": " .. text or text)
    end,
  }
  fingerprint.of(session.run(current))
end

local function job()
  if not (current and current.job) then
    fault.raise("INTERNAL", arguments.path, "the script has not been evaluated in this state")
  end
  return current.job
end

local function C()
  require "ffi.init"
  return require("ffi").C
end

local function graph_at(address)
  C()
  return require("ffi").cast("struct tm_graph *", address)
end

---Generates what its chains will run, for a state that is kept as it is now. What is wrong with it shows when they do.
function host.prepare() pcall(require("codegen").prepare, job().nodes) end

---Fills the C graph.
function host.plan(address)
  plan.pour(C(), graph_at(address), job())
end

---The fingerprint as 16 hexadecimal digits.
function host.evaluate()
  return bit.tohex(fingerprint.of(job()), 16)
end

---{ { severity, where, message, hint, code }, ... } as texts
function host.findings()
  local list = {}
  for i, f in ipairs(current and session.findings(current) or {}) do
    local code = f.code or "ADVICE"
    list[i] = { f.severity or "warning", position.of(f.where or "", code, f.message or ""), f.message or "", f.hint or "", code }
  end
  return list
end

---A place as C knows it, with the column where the message leaves no doubt.
function host.locate(where, message)
  return position.of(where, "", message)
end

---The schemas of the job's sources as text.
---@param form "lua"|"json"|"luals"
function host.schemas(form)
  return require("tidemill.schema_text").sources(current and current.job and current.job.nodes or {}, form)
end

---{ { name, default, doc }, ... }
function host.arguments()
  local list = {}
  for i, a in ipairs(current and current.arguments or {}) do list[i] = { a.name, a.default, a.doc } end
  return list
end

local function nodes_of(ids)
  local nodes = {}
  for i, id in ipairs(ids) do
    nodes[i] = job().nodes[id + 1]
    if not nodes[i] then fault.raise("INTERNAL", arguments.path, ("there is no operator %d"):format(id)) end
  end
  return nodes
end

---Applies a proposal of types; gives the text for the other states, "" when nothing changed, and true when nothing can be
---said before other subtasks have proposed.
---@param address number of the graph, 0: none
function host.settle(address, proposal)
  local nodes, before = job().nodes, {}
  for _, node in ipairs(nodes) do before[node.id] = node.schema end
  local settled, waits = require("codegen").settle(nodes, proposal)
  if address ~= 0 and settled ~= "" then plan.publish(C(), graph_at(address), job(), before) end
  return settled, waits
end

---A value of a state of another type, by the state's function: bytes to bytes; nil where it gives nothing.
function host.migrate(id, name, old_type, text)
  return require("codegen.migrate").value(nodes_of({ id })[1], name, old_type, text)
end

---The generated text of consecutive function nodes, or of one reduce.
function host.source(ids)
  return require("codegen").source(nodes_of(ids))
end

-- What sinks written in Lua do before their first row and behind their last: each once.
-- Those of a process get a ctx, and its chunks run them once for all.
local edges_of = {} -- by node and subtask: { opened =, closed = }
local edge -- whose function of them runs: for its error

local function edges(nodes, ctx, subtask)
  local key = nodes[1].id .. " " .. subtask
  local done = edges_of[key] or { opened = false, closed = false }
  edges_of[key] = done
  local function call_all(part)
    for k, node in ipairs(nodes) do
      if node[part] then
        metrics.enter(ctx, k)
        edge = ("operator '%s': %s"):format(node.name, part)
        node[part](node.kind == "process" and require("codegen.process_runtime").edge_context(node, ctx, subtask) or nil)
        edge = nil
      end
    end
  end
  return function()
    if done.opened then return end
    done.opened = true
    call_all("open")
  end, function()
    if done.closed then return end
    done.closed = true
    call_all("close")
  end
end

-- Does the chunk run calls that belong to a key? Then they draw by it.
local function is_keyed(node, role)
  return node.kind == "reduce" or node.kind == "process" and node.key[1] ~= nil and role ~= "rule"
end

---A chunk bound to its context: gives the functions run, finish, proposal, release, recover, the handler of errors, and that which
---says, or sets, where the stream of calls without a key is.
---@param first boolean a source stands in front of it in the same chain
---@param role string? of a window with a custom aggregate "add" or "merge", of a process "each" (connect: "left", "right") or "timer"
function host.chain(ids, address, subtask, parallelism, first, role)
  C()
  local ctx = require("ffi").cast("struct tm_chain_ctx *", address)
  local nodes = nodes_of(ids)
  local own = random.stream(arguments.seed, random.operator(nodes[1].name, role), subtask)
  local draws = is_keyed(nodes[1], role) and random.keyed(ctx, C()) or own
  local instance = require("codegen").instance(nodes, ctx, { subtask = subtask, count = parallelism, first = first, role = role,
    draws = draws ~= own and draws or nil })
  local begin, close = edges(nodes, ctx, subtask)
  local function run()
    clock.enter(ctx)
    random.enter(own)
    begin()
    random.enter(draws)
    metrics.enter(ctx, 1)
    return instance:run()
  end
  local function finish()
    clock.enter(ctx)
    random.enter(own)
    begin()
    metrics.enter(ctx, 1)
    local rc = instance:finish()
    if rc == 0 or rc == 3 then close() end
    return rc
  end
  local function proposal() return instance.proposal or "" end
  local function release()
    clock.enter(nil)
    random.enter(nil)
    metrics.leave()
  end
  local function recover(err, at) return instance:recover(err, at) end
  -- A row's error goes to recover as it is.
  local function handler(err)
    if ctx.under_way ~= 0 then return err end
    local told, of = trouble.run(err), edge
    edge = nil
    return of and fault.new(told.code, told.where, ("%s: %s"):format(of, told.message), told.hint) or told
  end
  local function random_position(a, b, c, d)
    if a == nil then return random.position(own) end
    random.resume(own, a, b, c, d)
  end
  -- Before the first row of all; it fails as a call of run does.
  local function open()
    clock.enter(ctx)
    random.enter(own)
    begin()
    return 0
  end
  return run, finish, proposal, release, recover, handler, random_position, open
end

---Counts of the trace compiler.
function host.traces()
  local c = traces.counts
  return c.started, c.compiled, c.aborted, c.blacklisted, c.flushed
end

local function given(...) return ... end

---Calls an entry by its name: C comes in through here alone. The entry is not called last: a builtin that an entry's
---`return text:format(...)` puts in its own place would leave no function of Lua on the stack, and LuaJIT, when it gives a
---trace up there, looks for one beyond the stack's bottom.
function host.enter(name, ...) return given(host[name](...)) end

function host.handler(err) return position.mark(trouble.script(err)) end

return host
