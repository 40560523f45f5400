-- What reaches the C graph. Always against a graph that writes calls down; with TM_TEST_LIBRARY (libtidemill_test.so)
-- against the real one as well.
local plan = require "tidemill.plan"
local scripts = require "tests.spec.support.scripts"

local NODE = { "SOURCE", "SINK", "FUNCTION", "KEY_BY", "WATERMARK", "ROLLING", "REDUCE", "WINDOW", "UNION" }
local AGGREGATE = { "COUNT", "SUM", "MIN", "MAX", "AVG", "FIRST", "LAST", "COUNT_DISTINCT", "APPROXIMATE_DISTINCT", "QUANTILE",
  "VARIANCE", "VARIANCE_POPULATION", "STDDEV", "STDDEV_POPULATION", "MIN_BY", "MAX_BY" }

-- A graph that writes down what is poured into it: "add 0 from rows", ...
local function recorder()
  local calls, ids = {}, -1
  local C = setmetatable({}, { __index = function(_, name)
    for i, n in ipairs(NODE) do if name == "TM_NODE_" .. n then return i - 1 end end
    for i, n in ipairs(AGGREGATE) do if name == "TM_AGGREGATE_" .. n then return i - 1 end end
    return function(_, ...)
      local parts = { (name:gsub("^tm_graph_", "")) }
      for i = 1, select("#", ...) do parts[i + 1] = tostring((select(i, ...))) end
      calls[#calls + 1] = table.concat(parts, " ")
      if name == "tm_graph_add" then
        ids = ids + 1
        return ids
      end
      return 0
    end
  end })
  return C, calls
end

local SCRIPT = [[
local tm = require "tidemill"
local job = tm.job("spend", { parallelism = 2, latency = 0 })
local rows = job:from(tm.file { path = "in.jsonl", max_record = "1KB", schema = {
  user = "string", amount = { "decimal(10,2)", required = true }, note = "string", ts = "timestamp" },
  on_error = "skip" })
rows:watermark("ts", { out_of_order = "2s", idle = false })
  :key_by("user"):on_error(tm.file { path = "dead.jsonl" })
  :window(tm.sliding("10m", "1m")):aggregate("spend", { n = tm.count(), total = tm.sum("amount") }):parallelism(3)
  :to(tm.file { path = "out", format = "json", if_exists = "replace" })
return job
]]

describe("the C graph", function()
  it("gets how long barriers wait: a time, none, or for ever", function()
    for given, number in pairs { ["'250ms'"] = 250, ["'0s'"] = 0, ["false"] = -1 } do
      local C, calls = recorder()
      plan.pour(C, "graph", (scripts.job("local tm = require 'tidemill' local job = tm.job('a', { checkpoint = { aligned_timeout = "
        .. given .. " } }) job:from(tm.lines()):to(tm.print()) return job")))
      assert.equal(("checkpoints 30000 600000 %d 3 1"):format(number), calls[2])
    end
  end)

  it("gets every node with all that was declared", function()
    local C, calls = recorder()
    plan.pour(C, "graph", (scripts.job(SCRIPT)))
    assert.matches("^fingerprint %d+ULL$", table.remove(calls))
    assert.same({
      "job spend 2 0 0 0",
      "checkpoints 30000 600000 5000 3 0",
      "add 0 from in.jsonl job.lua:3",
      "add 4 watermark watermark(ts) job.lua:6",
      "add 3 key_by key_by(user) job.lua:7",
      "add 1 on_error dead.jsonl job.lua:7",
      "add 7 aggregate spend job.lua:8",
      "add 1 to out job.lua:9",
      "on_error 0 1 -1",
      "schema_begin 0 4 -1", "schema_field 0 user string 0", "schema_field 0 amount decimal(10,2) 1",
      "schema_field 0 note string 0", "schema_field 0 ts timestamp 0", "schema_end 0",
      "connector 0 file json", "option_number 0 max_record 1024", "option_string 0 path in.jsonl",
      "used 0 0", "used 0 1", "used 0 2", "used 0 3",
      "input 1 0", "on_error 1 0 -1",
      "schema_begin 1 4 3", "schema_field 1 user string 0", "schema_field 1 amount decimal(10,2) 1",
      "schema_field 1 note string 0", "schema_field 1 ts timestamp 0", "schema_end 1",
      "watermark 1 3 2000 0",
      "input 2 1", "on_error 2 2 3",
      "schema_begin 2 4 3", "schema_field 2 user string 0", "schema_field 2 amount decimal(10,2) 1",
      "schema_field 2 note string 0", "schema_field 2 ts timestamp 0", "schema_end 2",
      "key 2 0",
      "on_error 3 0 -1", "connector 3 file json", "option_string 3 path dead.jsonl",
      "input 4 2", "parallelism 4 3", "on_error 4 0 -1",
      "schema_begin 4 6 5", "schema_field 4 user string 0", "schema_field 4 window_start timestamp 0",
      "schema_field 4 window_end timestamp 0", "schema_field 4 n int 0", "schema_field 4 total decimal(38,2) 0",
      "schema_field 4 $time timestamp 2", "schema_end 4",
      "key 4 0", "window 4 600000 60000 0", "aggregate 4 0 -1 3", "aggregate 4 1 1 4",
      "input 5 4", "on_error 5 0 -1", "connector 5 file json", "option_string 5 if_exists replace",
      "option_string 5 path out",
    }, calls)
  end)

  it("that refuses something fails at the operator's place", function()
    local C = recorder()
    C.tm_graph_window = function() return -304 end
    C.tm_graph_error_text = function() return require("ffi").cast("const char *", "too wide") end
    local ok, f = pcall(plan.pour, C, "graph", (scripts.job(SCRIPT)))
    assert.is_false(ok)
    assert.same({ "ARGUMENT", "job.lua:8", "too wide" }, { f.code, f.where, f.message })
  end)

  it("gets a schema again once its types are settled", function()
    local job = scripts.job "local tm = require 'tidemill' return tm.from(tm.lines()):select('line')"
    local before = {}
    for _, node in ipairs(job.nodes) do before[node.id] = node.schema end
    job.nodes[2].schema = require("tidemill.schema").make { { name = "line", type = "string" } }
    local C, calls = recorder()
    plan.publish(C, "graph", job, before)
    assert.same({ "schema_begin 1 1 -1", "schema_field 1 line string 0", "schema_end 1" }, calls)
  end)

  local library = os.getenv("TM_TEST_LIBRARY")
  if library then
    it("of core accepts it", function()
      local ffi = require "ffi.init"
      ffi.load(library, true)
      -- A graph needs an account over real memory; both are opaque here.
      ffi.cdef [[
        struct tm_test_memory { void *(*alloc)(void *, size_t); void *(*realloc)(void *, void *, size_t, size_t);
          void (*free)(void *, void *, size_t); };
        struct tm_test_fx { void *ctx; const void *clock, *random, *files, *threads;
          const struct tm_test_memory *memory; };
        void *malloc(size_t); void *realloc(void *, size_t); void free(void *);
        void tm_mem_init(void *mem, const void *fx, void *parent, int64_t limit);
        int tm_graph_new(void *mem, struct tm_graph **graph, void *err);
        void tm_graph_free(struct tm_graph *graph);
        int tm_graph_validate(const struct tm_graph *graph, void *err);
      ]]
      local memory = ffi.new("struct tm_test_memory", {
        alloc = function(_, n) return ffi.C.malloc(n) end,
        realloc = function(_, p, _, n) return ffi.C.realloc(p, n) end,
        free = function(_, p) ffi.C.free(p) end,
      })
      local fx = ffi.new("struct tm_test_fx", { memory = memory })
      local mem, err, graph = ffi.new("uint8_t[256]"), ffi.new("uint8_t[8192]"), ffi.new("struct tm_graph *[1]")
      ffi.C.tm_mem_init(mem, fx, nil, 0)
      assert.equal(0, ffi.C.tm_graph_new(mem, graph, err))
      plan.pour(ffi.C, graph[0], (scripts.job(SCRIPT)))
      local rc = ffi.C.tm_graph_validate(graph[0], err)
      assert.equal(0, rc, ffi.string(err + 4))
      ffi.C.tm_graph_free(graph[0])
    end)
  end
end)
