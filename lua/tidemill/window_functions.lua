-- Functions of windows: windowed:process(name, fn), windowed:aggregate(name, { ... }, fn). The window's node gives a row per
-- firing, with its rows as a hidden list of structs or with what was aggregated, and a process behind it calls the function
-- with that (lua/codegen/process.lua): in the same task, as the row's key is the window's.
local check = require "tidemill.check"
local derive = require "tidemill.derive"
local fault = require "tidemill.fault"
local freeze = require "tidemill.freeze"
local graph = require "tidemill.graph"
local shapeless = require "tidemill.shapeless"
local states = require "tidemill.states"
local windows = require "tidemill.windows"
local stream = require "tidemill.stream"
local windowed = require "tidemill.windowed"

local functions = {}

functions.ROWS = "$rows"

local EXAMPLE = 'for example :process("visits", function(ctx, key, rows) ctx:emit { user = key, clicks = #rows } end)'

local function any(_, _, v) return v end

---What is given as the function of a window: a function, or a table with it and its states.
---@return table { each =, state =, window_state =, clear =, open =, close = }
local function given_of(call, what, given, example)
  if type(given) == "function" then return { each = given } end
  if type(given) ~= "table" or freeze.kind(given) then
    check.wrong(call.at, what, "a function of ctx, key and rows, or a table of functions", given, example)
  end
  local values = check.options(call.at, what, given, { state = any, window_state = any, each = check.func, process = check.func,
    clear = check.func, open = check.func, close = check.func })
  values.each = values.each or values.process
  if not values.each then fault.raise("ARGUMENT", call.at, what .. ": each is missing: what is done with a window", example) end
  return values
end

-- What a firing purges or evicts waits for the function behind it, which may fail.
local function waiting(w, tells_end)
  local loses = w.window.trigger or w.window.evict or (w.window.kind == "count" and w.window.size_ms == w.window.slide_ms)
  local window = { tells_end = tells_end or nil, numbers = loses and true or nil }
  for k, v in pairs(w.window) do window[k] = v end
  return { stream = w.stream, window = window, all = w.all, base = w.base }
end

-- The windows, as they have to be for such a function: those whose end somebody wants to know say it.
local function told(w, call, what, values)
  if values.window_state and w.window.kind == "session" then
    fault.raise("GRAPH", call.at, what .. ": window_state: sessions merge when a row comes between them, and of two states none can be "
      .. "made one", "what is kept over a session stands in its aggregate; over all sessions of a key, in state")
  end
  if values.clear and not windows.bounded(w.window) then
    fault.raise("ARGUMENT", call.at, ("%s: clear: tm.%s has no end, so that it would never be called"):format(what, w.window.verb),
      "what its function keeps it clears itself: ctx.state.name:clear()")
  end
  return waiting(w, (values.window_state or values.clear) and windows.bounded(w.window))
end

-- The process behind a window.
local function add_process(w, call, window, above, of_window, what, values)
  local s = w.stream
  local of_keys, of_operator = states.divide(states.declare(call, what, values.state, derive.schema(above).time_field))
  if of_operator[1] then
    fault.raise("ARGUMENT", call.at, ("%s: state %q: a function of windows keeps state of its key, and has no list of the operator")
      :format(what, of_operator[1].name), "tm.list(type) is of the key; tm.operator_list stands in a process on a stream")
  end
  local node = { kind = "process", verb = "process", roles = { "each" }, where = call.at, inputs = { above }, key = window.key,
    of_window = of_window, each = values.each, clear = values.clear, open = values.open, close = values.close,
    metrics = s.job.session.metrics,
    window_states = states.declare(call, what, values.window_state, derive.schema(above).time_field, "window"),
    whole = window, parts = { above }, states = of_keys }
  states.refuse_two_types(call, what, { of_keys, node.window_states })
  graph.add(s.job, node)
  if w.all then node.parallelism = 1 end
  return stream.new(s.job, node, window)
end

local function wrong_result(given)
  error("result of tm.aggregate returned " .. check.show(given) .. "; it returns a table of columns, return { name = value }", 0)
end

-- The function behind tm.aggregate's `result`: of what that gives beside the key and the window's bounds. One call of both, as a
-- window says to the function alone when it is gone. The text is written so that the analysis sees which columns there are.
local WITH_RESULT = [[
local each, result, type, wrong = ...
return function(ctx, key, a)
  local row = result(a)
  if type(row) ~= "table" then wrong(row) end
  %s
  return each(ctx, key, row)
end]]
local function with_result(each, made, window)
  local keeps = {}
  for _, f in ipairs(derive.schema(window).fields) do
    local of_accumulator = made.schema.by_name[f.name]
    if not f.hidden and not of_accumulator then keeps[#keeps + 1] = ("row[%q] = a[%q]"):format(f.name, f.name) end
  end
  return assert(loadstring(WITH_RESULT:format(table.concat(keeps, " ")), "=result"))(each, made.result, type, wrong_result)
end

---`result` of tm.aggregate alone may fail, too: windows that lose something by firing wait for the function that it becomes.
functions.waiting = waiting

local function pass_on(ctx, _, row) ctx:emit(row) end

---What says that a row of `result`, the map behind such a window, has come through.
---@return table stream whose :returns is of `result`
function functions.passed(w, call, window, result)
  local node = graph.add(w.stream.job, { kind = "process", verb = "process", roles = { "each" }, where = call.at, inputs = { result },
    key = window.key, of_window = "result", each = pass_on, metrics = w.stream.job.session.metrics, states = {}, window_states = {},
    whole = window, parts = { result }, returns_of = result })
  if w.all then node.parallelism = 1 end
  return stream.new(w.stream.job, node, window)
end

---What follows an aggregate: looked at first, then added.
---@param name string? of the aggregate
---@return table w the windows, as they have to be for it
---@return fun(window: table, above: table, made: table?): table add `above` gives the windows' rows; made: a custom aggregate whose
---  `result` they go through
function functions.behind(w, call, name, given)
  local what = name and ("aggregate %q: the function"):format(name) or "aggregate: the function"
  local values = given_of(call, what, given, 'for example function(ctx, key, result) ctx:emit { user = key, total = result.total } end')
  w = told(w, call, what, values)
  return w, function(window, above, made)
    if made then values.each = with_result(values.each, made, above) end
    return add_process(w, call, window, above, "result", what, values)
  end
end

windowed.method("process", 'stream:window(tm.tumbling("1m")):process("name", function(ctx, key, rows) ... end)',
  function(w, call, name, given, ...)
    if name ~= nil and type(name) ~= "string" and given == nil then name, given = nil, name end
    stream.no_more(call, "process", 2 + select("#", ...), 2)
    if name ~= nil then check.name(call.at, "process: the name", name) end
    local what = name and ("process %q"):format(name) or "process"
    shapeless.refuse(w.stream.node, call.at, "process")
    local values = given_of(call, what, given, EXAMPLE)
    w = told(w, call, what, values)
    local bare = derive.schema(w.stream.node).bare
    local rows = bare and { verb = "list", kind = "list", field = "line", limit = windowed.LIST_MAX } or { verb = "rows", kind = "rows" }
    rows.name, rows.hidden = functions.ROWS, true
    local window = windowed.add(w, call, { verb = "process", aggregates = { rows } }, name)
    return add_process(w, call, window, window, "rows", what, values)
  end)

local REDUCE = 'stream:window(tm.tumbling("1m")):reduce("name", function(a, e) ... end)'
windowed.method("reduce", REDUCE, function(w, call, name, fn, behind, ...)
  if type(name) == "function" then
    stream.no_more(call, "reduce without a name", 2 + select("#", behind, ...), 3)
    name, fn, behind = nil, name, fn
  else
    stream.no_more(call, "reduce", 3 + select("#", ...), 3)
    check.name(call.at, "reduce: the name", name)
  end
  shapeless.refuse(w.stream.node, call.at, "reduce")
  check.func(call.at, "reduce", fn, 'for example :reduce("latest", function(a, e) return e end)')
  local add
  if behind ~= nil then w, add = functions.behind(w, call, name, behind) end
  local window = windowed.add(w, call, { verb = "reduce", aggregates = {}, fold = fn }, name)
  if add then return add(window, window) end
  return stream.new(w.stream.job, window)
end)

return functions
