-- Windows of a stream: stream:window, stream:window_all, what may be said of them (allowed_lateness, late, trigger), and what
-- is computed in them.
local aggregates = require "tidemill.aggregates"
local check = require "tidemill.check"
local derive = require "tidemill.derive"
local fault = require "tidemill.fault"
local freeze = require "tidemill.freeze"
local graph = require "tidemill.graph"
local keyed = require "tidemill.keyed"
local place = require "tidemill.place"
local shapeless = require "tidemill.shapeless"
local stream = require "tidemill.stream"
local suggest = require "tidemill.suggest"
local windows = require "tidemill.windows"

local WINDOWS_MAX = 65536 -- of a row; core/base/limits.h

local windowed, names = {}, {}
local make

-- Adds what follows a window: `fn(w, call, ...)` gets { stream =, window =, all = }.
local function method(name, example, fn)
  names[#names + 1] = name
  table.sort(names)
  windowed[name] = function(self, ...)
    local file, line = place.find()
    local call = { at = place.here(), file = file, line = line }
    local w = freeze.content(self, "window of a stream")
    if not w then
      fault.raise("ARGUMENT", call.at, ("%s: called on %s"):format(name, check.show(self)), "it follows a window: " .. example)
    end
    return fn(w, call, ...)
  end
end

-- The same windows, with more said about them.
local function say(w, call, what, key, value)
  if w.window[key] ~= nil then fault.raise("ARGUMENT", call.at, what .. " is given twice", "windows have one: leave the other out") end
  local window = {}
  for k, v in pairs(w.window) do window[k] = v end
  window[key] = value
  return make { stream = w.stream, window = window, all = w.all, base = w.base }
end

local function need_event_time(w, call, what)
  if not windows.bounded(w.window) then
    fault.raise("ARGUMENT", call.at, ("%s: tm.%s has no end, so that no row is late for it"):format(what, w.window.verb),
      "leave " .. what .. " out, or take windows of time, as tm.tumbling")
  end
  if w.window.processing then
    fault.raise("ARGUMENT", call.at, ("%s: by the clock no row is late"):format(what),
      "windows of event time have late rows: without processing = true")
  end
end

method("allowed_lateness", 'stream:window(tm.tumbling("1m")):allowed_lateness("10s")', function(w, call, lateness, ...)
  stream.no_more(call, "allowed_lateness", 1 + select("#", ...), 1)
  lateness = check.duration(call.at, "allowed_lateness", lateness, 0, 'for example allowed_lateness("10s")')
  need_event_time(w, call, "allowed_lateness")
  return say(w, call, "allowed_lateness", "lateness_ms", lateness)
end)

method("late", 'stream:window(tm.tumbling("1m")):late("late")', function(w, call, tag, ...)
  stream.no_more(call, "late", 1 + select("#", ...), 1)
  check.name(call.at, "late: the tag", tag)
  need_event_time(w, call, "late")
  return say(w, call, "late", "late", tag)
end)

-- The event time of rows, or the first column that could be it.
local function time_column(schema)
  local event_time = schema.fields[schema.time_field or 0]
  if event_time and not event_time.hidden then return event_time.name end
  for _, f in ipairs(schema.fields) do
    if f.type == "timestamp" and not f.hidden then return f.name end
  end
end

local function no_watermark(s, call, what)
  local hint = 'say which field is the time, above the key: :watermark("ts", { out_of_order = "5s" })'
  local name = time_column(s.node.schema)
  if name then hint = hint:gsub('"ts"', ('"%s"'):format(name:gsub("%%", "%%%%"))) end
  fault.raise("NO_WATERMARK", call.at, ("%s: the rows have no event time: no watermark above"):format(what), hint)
end

method("trigger", 'stream:window(tm.global()):trigger(tm.trigger.count(100))', function(w, call, trigger, ...)
  stream.no_more(call, "trigger", 1 + select("#", ...), 1)
  local t = windows.trigger_content(trigger)
  if not t then
    check.wrong(call.at, "trigger", "a trigger", trigger,
      "one of " .. suggest.list(suggest.keys(windows.trigger)) .. ": for example tm.trigger.count(100)")
  end
  local window, name = w.window, t.custom and "a trigger of functions without merge" or "tm.trigger." .. t.name
  if window.kind == "count" then
    fault.raise("ARGUMENT", call.at, "trigger: tm.count_window fires by itself, every so many rows",
      "tm.global() has no trigger of its own")
  end
  if window.kind == "session" and not t.merges then
    fault.raise("ARGUMENT", call.at, ("trigger: %s cannot merge, and sessions do when a row comes between them"):format(name),
      t.custom and "a custom trigger of a session has merge = function(ctx, other) ... end beside its other functions"
      or "of a session: event_time, processing_time, count, continuous_event_time, continuous_processing_time, and purging of these")
  end
  if t.needs == "global" and window.kind ~= "global" then
    fault.raise("ARGUMENT", call.at, ("trigger: %s is for tm.global(): a tm.%s ends before the input does"):format(name, window.verb),
      "leave it out: the window gives its row at its end; window(tm.global()) with it gives one row at the end of the input")
  end
  if t.needs == "bounds" and not windows.bounded(window) then
    fault.raise("ARGUMENT", call.at, ("trigger: %s fires at the end of a window, and tm.%s has none"):format(name, window.verb),
      'tm.trigger.continuous_processing_time("1m") fires every minute')
  end
  if t.event_time and not w.stream.node.schema.time_field then
    no_watermark(w.stream, call, ("trigger(%s)"):format(name))
  end
  return say(w, call, "trigger", "trigger", t.layers)
end)

method("evict", 'stream:window(tm.global()):trigger(tm.trigger.count(10)):evict(tm.evict.count(100))', function(w, call, given, ...)
  stream.no_more(call, "evict", 1 + select("#", ...), 1)
  local evictor = freeze.content(given, "evictor")
  if not evictor then
    check.wrong(call.at, "evict", "an evictor", given, "tm.evict.count(100), tm.evict.time(\"10m\") or tm.evict.delta(10, fn)")
  end
  if w.window.kind == "count" and w.window.size_ms ~= w.window.slide_ms then
    fault.raise("ARGUMENT", call.at, "evict: tm.count_window(size, slide) keeps the last rows by itself",
      "tm.global() with tm.trigger.count(slide) fires as often, and keeps what the evictor leaves")
  end
  if evictor.kind == "time" and not w.stream.node.schema.time_field then no_watermark(w.stream, call, "evict(tm.evict.time)") end
  return say(w, call, "evict", "evict", evictor)
end)

-- --- what is computed
-- --------------------------------------------------------------------------------------------------------------

-- Errors that can be told only when all has been said.
local function check_all_said(w, call, custom)
  local window = w.window
  if window.kind == "global" and not window.trigger then
    fault.raise("GRAPH", call.at, "aggregate: a global window never ends, and has no trigger: it would give no row",
      "say when it fires: window(tm.global()):trigger(tm.trigger.count(100))")
  end
  if not windows.sliced(window, custom) and windows.bounded(window) and window.size_ms / window.slide_ms > WINDOWS_MAX then
    fault.raise("LIMIT", call.at, ("aggregate: a row would be in %.0f windows; with lateness, triggers, or by the clock at most %d"):format(
      window.size_ms / window.slide_ms, WINDOWS_MAX), "a longer slide, or windows of event time that fire once")
  end
end

-- What is worth saying: rows that no window takes; a clock where there is a time.
local function findings(w, node)
  local window, list = w.window, node.findings or {}
  if window.kind == "sliding" and window.slide_ms > window.size_ms then
    list[#list + 1] = { severity = "warning", where = node.where,
      message = ("%s: a window of %s every %s: rows between two windows are in none"):format(node.name,
        check.show_duration(window.size_ms), check.show_duration(window.slide_ms)),
      hint = "tm.sliding(size, slide): the size comes first" }
  elseif window.kind == "count" and window.slide_ms > window.size_ms then
    list[#list + 1] = { severity = "warning", where = node.where,
      message = ("%s: the last %.0f rows, every %.0f: of them, %.0f are in no window"):format(node.name, window.size_ms, window.slide_ms,
        window.slide_ms - window.size_ms),
      hint = "tm.count_window(size, slide): the size comes first" }
  end
  local rows = w.stream.node.schema
  local time = time_column(rows)
  if windows.bounded(window) and window.processing and (time or rows.time_field) then
    list[#list + 1] = { severity = "advice", code = "PROCESSING_TIME", where = node.where,
      message = ("%s: its windows go by the clock, and the rows have a time of their own: %s"):format(node.name,
        time or "what :watermark(fn) gives"),
      hint = "by the clock the result depends on when rows come; without processing = true it does not"
        .. (rows.time_field and "" or ("; it takes :watermark(%q, { out_of_order = \"5s\" }) above"):format(time)) }
  end
  node.findings = list[1] and list
end

-- The gap that a function computes is a hidden column: made in front of one more key_by, as windows stand right behind their key.
local GAP = "$gap"
local function with_gap(w, call)
  local s = w.stream
  local fn = graph.add(s.job, { kind = "function", verb = "gap", where = call.at, inputs = { s.node }, fn = w.window.gap, key_name = GAP,
    base = graph.place_name("gap", call.at) })
  derive.schema(fn)
  if s.node.kind ~= "key_by" then return stream.new(s.job, fn), fn end
  local key_by = graph.add(s.job, { kind = "key_by", verb = "key_by", where = call.at, inputs = { fn }, key = s.node.key,
    base = s.node.base })
  derive.schema(key_by)
  return stream.new(s.job, key_by), fn
end

local function add(w, call, props, name)
  check_all_said(w, call, props.custom or props.fold)
  if w.window.gap then
    local s, fn = with_gap(w, call)
    w = { stream = freeze.content(s, "stream"), window = w.window, all = w.all, base = w.base }
    props.gap, props.parts = GAP, { fn }
  end
  props.kind, props.verb, props.window = "window", props.verb or "aggregate", w.window
  local layer = windows.trigger_of(w.window)
  if layer.asked or layer.fn or w.window.evict then shapeless.refuse(w.stream.node, call.at, "a trigger or evictor") end
  props.trigger_delta, props.evict_delta = layer.fn, w.window.evict and w.window.evict.fn
  if layer.asked then
    props.asked = { metrics = w.stream.job.session.metrics }
    for k, v in pairs(layer.asked) do props.asked[k] = v end
  end
  local node = keyed.add(w.stream, call, props, { name = name }, w.base)
  if w.all then node.parallelism = 1 end
  derive.schema(node)
  findings(w, node)
  return node
end

-- An aggregate in Lua: the window gives the accumulator's fields, and a function behind it what `result` makes of them.
local function add_custom(w, call, name, made, fn)
  local s, behind = w.stream, nil
  local functions = require "tidemill.window_functions"
  if fn then w, behind = functions.behind(w, call, name, fn)
  elseif made.result then w = functions.waiting(w) end
  if windows.merges(w.window) and not made.merge then
    fault.raise("ARGUMENT", call.at, ("aggregate: merge is missing: tm.%s %s"):format(w.window.verb, w.window.kind == "session"
      and "merges two windows when a row comes between them"
      or w.window.kind == "count" and "keeps what it has of every few rows and merges that"
      or "keeps what it has of every slice of time and merges that"),
      "for example merge = function(a, b) a.sum = a.sum + b.sum a.n = a.n + b.n end")
  end
  local node = add(w, call, { aggregates = {}, custom = made }, name)
  if not made.result or behind and w.window.tells_end then
    return behind and behind(node, node, made.result and made) or stream.new(s.job, node)
  end
  local keeps = { unpack(node.key) }
  if windows.bounded(w.window) then keeps[#keeps + 1], keeps[#keeps + 2] = "window_start", "window_end" end
  if w.window.numbers then keeps[#keeps + 1] = "$firing" end
  local result = graph.add(s.job, { kind = "function", verb = "map", where = call.at, inputs = { node }, fn = made.result,
    keeps = keeps, returns = made.returns, whole = node, parts = { node }, of_window = "aggregate" })
  if w.all then result.parallelism = 1 end
  if behind then return behind(node, result) end
  return w.window.numbers and functions.passed(w, call, node, result) or stream.new(s.job, result, node)
end

method("aggregate", 'stream:window(tm.tumbling("1m")):aggregate { n = tm.count() }', function(w, call, name, given, fn, ...)
  if type(name) == "table" or freeze.kind(name) then
    stream.no_more(call, "aggregate without a name", 2 + select("#", fn, ...), 3)
    name, given, fn = nil, name, given
  else
    stream.no_more(call, "aggregate", 3 + select("#", ...), 3)
  end
  local made = freeze.content(given, "custom aggregate")
  if made then
    if name ~= nil then check.name(call.at, "aggregate: the name", name) end
    return add_custom(w, call, name, made, fn)
  end
  keyed.check_given(call, name, given)
  local behind
  if fn ~= nil then w, behind = require("tidemill.window_functions").behind(w, call, name, fn) end
  local node = add(w, call, { aggregates = keyed.aggregates_of(call, "aggregate", w.stream.node.schema, given) }, name)
  return behind and behind(node, node) or stream.new(w.stream.job, node)
end)

-- --- windows of a stream
-- -----------------------------------------------------------------------------------------------------------

local function index(_, key)
  if windowed[key] then return windowed[key] end
  fault.raise("UNKNOWN_NAME", place.here(),
    ("a window of a stream has no operator %s; it has %s"):format(check.show(key),
    table.concat(names, ", ")), type(key) == "string" and suggest.hint(key, names)
    or 'for example :aggregate("spend", { total = tm.sum("amount") })')
end

make = function(content) return freeze.object("window of a stream", content, index) end

local function window_of(s, call, what, given)
  local window = freeze.content(given, "window")
  if not window then check.wrong(call.at, what, "a window", given, 'tm.tumbling("1m") or tm.sliding("10m", "1m")') end
  if windows.bounded(window) and not window.processing and not s.node.schema.time_field then
    no_watermark(s, call, ("%s(tm.%s)"):format(what, window.verb))
  end
  return window
end

stream.method("window", function(s, call, given, ...)
  stream.no_more(call, "window", 1 + select("#", ...), 1)
  if freeze.content(given, "window") then keyed.need_key(s, call, "window") else derive.schema(s.node) end
  return make { stream = s, window = window_of(s, call, "window", given), base = "window" }
end)

stream.method("window_all", function(s, call, given, ...)
  stream.no_more(call, "window_all", 1 + select("#", ...), 1)
  derive.schema(s.node)
  return make { stream = s, window = window_of(s, call, "window_all", given), all = true, base = "window_all" }
end)

-- For window_functions.lua, which adds process and reduce.
return { method = method, add = add, LIST_MAX = aggregates.LIST_MAX }
