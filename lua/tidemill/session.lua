-- One evaluation of a job script: runs it in the sandbox, takes what it returns, completes the job (implied sinks,
-- default error handling, schemas, projection) and gives the finished list of nodes.
local api = require "tidemill.init"
local check = require "tidemill.check"
local derive = require "tidemill.derive"
local ends = require "tidemill.ends"
local fault = require "tidemill.fault"
local freeze = require "tidemill.freeze"
local graph = require "tidemill.graph"
local place = require "tidemill.place"
local program = require "tidemill.program"
local project = require "tidemill.project"
local sandbox = require "tidemill.sandbox"
local suggest = require "tidemill.suggest"

local session = {}

---@class tidemill.session.args
---@field path string the script as the user named it: "jobs/fraud.lua"
---@field text string
---@field set table<string, string> of --set
---@field one_liner? boolean `tm` is there already, and `return` may be left out
---@field test? boolean the job runs under test: side outputs that it does not read are kept
---@field program? boolean `text` is a job that a spec built (program.lua)
---@field read fun(path: string): string?, string? a file of the job's folder
---@field print fun(line: string)
---@field infer? fun(index: integer, source: table): table[]?, string?, string?, integer? columns of a source without a schema

---@param args tidemill.session.args
function session.new(args)
  place.reset()
  freeze.set_locator(place.here)
  return {
    args = args, path = args.path, name = (args.path:match("([^/]+)$") or args.path):gsub("%.lua$", ""),
    set = args.set or {}, asked = {}, declared = {}, arguments = {}, -- of --set: given, read, declared in order
    jobs = {}, findings = {}, metrics = {},
  }
end

-- What the script returned, as a job; the stream whose sink is implied comes second.
local function result_of(self, value)
  local s = freeze.content(value, "stream")
  if s then return s.job end
  local job = freeze.content(value, "job")
  if job then return job end
  local at, hint = self.path, self.args.one_liner and [[write a stream behind -e: 'tm.from(tm.lines()):key_by("line"):count()']]
    or "end the file with: return stream (or: return job)"
  if value == nil then
    fault.raise("SCRIPT_RESULT", at, #self.jobs > 0 and "the script built streams and returned nothing"
      or "the script returned nothing; a job returns a stream or a job", hint)
  end
  fault.raise("SCRIPT_RESULT", at,
    ("the script returned %s; a job returns a stream or a job"):format(check.show(value)),
    hint)
end

local function check_arguments(self)
  local known = suggest.keys(self.asked)
  for _, name in ipairs(suggest.keys(self.set)) do
    if not self.asked[name] then
      fault.raise("USAGE", "--set " .. name, ('the job has no argument "%s"%s'):format(name, #known == 0
        and "; it takes none" or "; it has " .. table.concat(known, ", ")), suggest.hint(name, known))
    end
  end
end

local function other_jobs(self, job)
  for _, other in ipairs(self.jobs) do
    if other ~= job and #other.nodes > 0 then
      fault.raise("GRAPH", other.nodes[1].where,
        ('streams of the job "%s" are built, and the script returns the job "%s"')
        :format(other.name, job.name), "begin all streams from the job that is returned: job:from(...)")
    end
  end
end

local function implied_sinks(self, job)
  local print_sink
  for i = 1, #job.nodes do
    local node = job.nodes[i]
    if node.kind ~= "sink" and not node.consumed then
      derive.schema(node)
      print_sink = print_sink or require("tidemill.connectors").print()
      ends.sink(job, node, print_sink, node.where)
      -- Of a one-liner nothing else is expected.
      self.findings[#self.findings + 1] = not self.args.one_liner and { severity = "advice", code = "IMPLIED_SINK", where = node.where,
        message = ('nothing reads the rows of "%s": they are printed (the sink is implied)'):format(node.name),
        hint = "say where they go: :to(tm.print()), :to(tm.file{...})" } or nil
    end
  end
end

local function default_on_error(job)
  local value = job.options.on_error
  local count = #job.nodes -- a sink of dead letters made here is not concerned
  for i = 1, count do
    local node = job.nodes[i]
    if node.on_error == nil then
      -- A sink of dead letters that is also the default of sinks would feed itself.
      ends.set_on_error(job, node, value or "fail", job.where)
    end
  end
end

local function check_names(self, job)
  for _, node in ipairs(job.nodes) do
    if node.kind == "window" and not node.explicit then
      fault.raise("ARGUMENT", node.where, ("%s: a window needs a name: it identifies the window's state"):format(node.verb),
        ('name it first: :%s("%s", ...)'):format(node.verb, node.key[1] and "by_" .. node.key[1] or "totals"))
    end
    if node.kind == "process" and not node.explicit and not node.of_window then
      fault.raise("ARGUMENT", node.where, node.verb .. ": it needs a name: it identifies its state and timers",
        node.verb == "process" and 'name it first: :process("velocity", { ... })' or ('name it: %s(other, "name", { ... })'):format(
          node.verb))
    end
    if node.wants_name and not node.explicit then
      self.findings[#self.findings + 1] = { severity = "advice", code = "UNNAMED_STATE", where = node.where,
        message = ('"%s" keeps state and has no name of its own'):format(node.name),
        hint = ('a name keeps its state apart from what stands around it: %s'):format(node.verb == "reduce"
          and 'reduce("name", fn)' or node.verb == "aggregate" and 'aggregate("name", {...})' or 'name = "..."') }
    end
  end
end

-- What was concluded from the values of captured variables must hold when rows come: where the script assigned another one
-- after an operator was looked at, all are looked at again.
local function settle_captured(nodes)
  local captured = require "codegen.captured"
  for _, node in ipairs(nodes) do
    if captured.changed(node.codegen and node.codegen.assumed or {}) then return derive.derive_all(nodes) end
  end
end

---Runs the script. Raises a fault, or whatever the script raised; see host.lua for the translation.
---@return table job { name, options, nodes }
function session.run(self)
  local folder = self.path:match("^(.*/)[^/]*$") or ""
  self.tm = api.new(self)
  local env, run_file = sandbox.new(folder, { tm = self.tm, print = self.args.print, read = self.args.read })
  local main = self.args.program and program.compile(env, self.tm, self.args.text, self.args.read)
    or self.args.one_liner and sandbox.compile_line(env, self.path, self.args.text)
    or sandbox.compile(env, self.path, self.args.text)
  if self.args.program then place.add_file(self.path, "") end
  local value = run_file(main, "job", self.path)
  check_arguments(self)
  local job = result_of(self, value)
  other_jobs(self, job)
  if #job.nodes == 0 then
    fault.raise("GRAPH", job.where,
      ('the job "%s" has no source'):format(job.name), "begin with job:from(tm.file{...})")
  end
  if self.args.test then require("tidemill.kept").sides(job) end
  implied_sinks(self, job)
  default_on_error(job)
  for _, node in ipairs(job.nodes) do
    if not node.derived then derive.derive(node) end
  end
  for _, node in ipairs(job.nodes) do node.strict = self.args.test or nil end -- a record kept beyond its call is an error
  settle_captured(job.nodes)
  project.run(job.nodes)
  check_names(self, job)
  graph.check_renamed(job)
  job.files = place.files() -- what functions load while they run is no part of the graph
  self.job = job
  return job
end

---Warnings and advice, in the order of the text's operators.
function session.findings(self)
  local list = {}
  for _, node in ipairs(self.job and self.job.nodes or {}) do
    for _, f in ipairs(node.findings or {}) do list[#list + 1] = f end
  end
  for _, f in ipairs(require("tidemill.sides").findings(self.job and self.job.nodes or {})) do list[#list + 1] = f end
  for _, f in ipairs(self.findings) do list[#list + 1] = f end
  return list
end

return session
