-- Functions of windows, gaps, evictors and triggers as nodes: columns, what is read, which functions a window has.
local scripts = require "tests.spec.support.scripts"

local HEAD = [[
local tm = require "tidemill"
local S = tm.schema { user = "string", page = "string", cents = "int", price = "decimal(10,2)", ts = "timestamp" }
local rows = tm.from(tm.file { path = "in.jsonl", format = "json", schema = S, name = "rows" }):watermark("ts"):key_by("user")
]]

local function job_of(text) return scripts.job(HEAD .. text) end

local function node_of(text, name) return scripts.node(job_of(text), name) end

local function reads(node)
  local names = {}
  for name in pairs(node.reads) do names[#names + 1] = name end
  table.sort(names)
  return table.concat(names, " ")
end

describe("a function of windows", function()
  it("stands behind the window, which gives its rows as a hidden list of structs", function()
    local job = job_of [[return rows:window(tm.tumbling("1m")):process("w", function(ctx, key, all)
      ctx:emit { user = key, n = #all, from = ctx.window_start } end)]]
    assert.equal("user string, window_start timestamp, window_end timestamp, "
      .. "$rows list(struct(user string,page string,cents int,price decimal(10,2),ts timestamp))*, $time timestamp*@",
      scripts.columns(scripts.node(job, "w").schema))
    assert.equal("user string, n double, from timestamp, $time timestamp*@", scripts.columns(scripts.behind(job, "w").schema))
    assert.equal("rows", scripts.behind(job, "w").of_window)
  end)

  it("behind aggregates reads what it names of their row", function()
    local node = scripts.behind(job_of [[return rows:window(tm.tumbling("1m")):aggregate("w", { n = tm.count(), top = tm.max("cents") },
      function(ctx, key, r) ctx:emit { user = key, top = r.top } end)]], "w")
    assert.equal("$time top user window_end window_start", reads(node))
  end)

  it("takes the name of the window, and what follows is said of both", function()
    local job = job_of [[return rows:window(tm.tumbling("1m")):process(function(ctx, key, all) ctx:emit { n = #all } end)
      :named("w"):parallelism(3):on_error("skip")]]
    for _, node in ipairs { scripts.node(job, "w"), scripts.behind(job, "w") } do
      assert.equal(3, node.parallelism)
      assert.equal("skip", node.on_error)
    end
  end)

  it("has side outputs beside the window's late rows", function()
    local job = job_of [[local w = rows:window(tm.tumbling("1m")):late("late"):process("w", function(ctx, key, all)
        ctx:output("many", { user = key }) ctx:emit { n = #all } end)
      w:side("late"):to(tm.discard()) w:side("many"):to(tm.discard())
      return w:to(tm.print())]]
    assert.equal("w", scripts.node(job, "side(late)").inputs[1].name)
    assert.equal("w", scripts.node(job, "side(many)").inputs[1].name)
  end)
end)

describe("reduce of windows", function()
  it("keeps its input's columns behind the key and the bounds", function()
    local node = node_of([[return rows:window(tm.session("1m")):reduce("w", function(a, e) return { cents = a.cents + e.cents } end)]], "w")
    assert.equal("user string, window_start timestamp, window_end timestamp, $user string*, page string, cents int, "
      .. "price decimal(10,2), ts timestamp, $time timestamp*@", scripts.columns(node.schema))
    assert.equal("cents page price ts user", reads(node))
  end)
end)

describe("a gap that a function gives", function()
  it("is a hidden column in front of one more key", function()
    local job = job_of [[return rows:window(tm.session(function(e) return e.cents * 10 end)):aggregate("w", { n = tm.count() })]]
    local window = scripts.node(job, "w")
    assert.equal("key_by", window.inputs[1].kind)
    assert.equal("gap", window.inputs[1].inputs[1].verb)
    assert.truthy(scripts.columns(window.inputs[1].schema):find("$gap int*!", 1, true))
  end)
end)

describe("functions of triggers and evictors", function()
  it("say what is read of rows", function()
    local node = node_of([[return rows:window(tm.global())
      :trigger(tm.trigger.purging(tm.trigger.delta(5, function(a, b) return b.cents - a.cents end)))
      :evict(tm.evict.delta(5, function(e, last) return #last.page - #e.page end)):aggregate("w", { n = tm.count() })]], "w")
    assert.equal("cents page user", reads(node))
  end)

  it("of one's own have what the table has", function()
    local node = node_of([[return rows:window(tm.tumbling("1m")):trigger { state = { n = tm.value("int", { default = 0 }) },
      element = function(ctx, e) ctx.state.n:set(ctx.state.n:get() + e.cents) return "continue" end,
      event_time = function(ctx, at) return at == ctx.window_end - 1 and "fire" or "continue" end }
      :aggregate("w", { n = tm.count() })]], "w")
    assert.equal("cents ts user", reads(node))
    assert.same({ "on_element", "on_event_time" }, require("codegen.window").roles(node))
  end)
end)
