-- The promise of ARCHITECTURE D2: for every verb the row loop is one compiled loop, with no abort, no loop or
-- function given up, no fallback to the interpreter, also after 20,000 batches each of 1, 2, 3 and 10 rows.
local assert = require "luassert"
local support = require "tests.spec.codegen.support"
local heat = require "codegen.heat"
local opcodes = require "codegen.opcodes"
local libraries = require "tidemill.libraries"
local util = require "jit.util"
local pairs, ipairs = libraries.pairs, libraries.ipairs -- as job code has them
local rows_seen, paid = support.metrics.counter("seen"), support.metrics.counter("paid")
local last, sizes = support.metrics.gauge("last"), support.metrics.histogram("sizes")
local D, I = support.decimal.make, support.int64.parse

local state = support.state

local custom = require "tidemill.custom"

local SCHEMA = support.schema("user string; country string; amount double; n int; ok bool; price decimal(10,2); id int64; "
  .. "ts timestamp@; $key string!; tags list(string); prices list(double); at struct(city string,pos struct(x double,y int)); "
  .. "counts map(string,int); extra any; text string; many list(double)")

-- Rows of windows.
local WINDOWS = support.schema("user string; window_start timestamp; window_end timestamp; amount double; $gone bool; $time timestamp@")

local VERBS = {
  filter = { { verb = "filter", fn = function(e) return e.amount > 10 end } },
  ["filter of texts"] = { { verb = "filter", fn = function(e) return e.country == "FR" or e.user == "user 7" end } },
  ["map to a table"] = { { verb = "map", fn = function(e)
    return { user = e.user, twice = e.amount * 2, n = e.n, ok = e.ok }
  end } },
  ["map by assignment"] = { { verb = "map", fn = function(e) e.amount = e.amount + e.n e.big = e.amount > 50 return e end } },
  ["map to a new text"] = { { verb = "map", fn = function(e) return { label = e.country .. "!", size = #e.user } end } },
  ["lists filled by index, some with a gap"] = { { verb = "map", fn = function(e)
    local t = {}
    t[1] = e.user
    if e.n % 7 ~= 0 then t[2] = e.country end
    t[3] = e.user
    return { v = t }
  end, returns = support.schema("v list(string)") } },
  flat_map = { { verb = "flat_map", fn = function(e, out)
    out { a = e.amount, user = e.user }
    if e.amount > 50 then out { a = -e.amount, user = e.user } end
  end } },
  select = { { verb = "select", columns = { "n", "user" } } },
  drop = { { verb = "drop", columns = { "country", "id" } } },
  assign = { { verb = "assign", assigns = { { name = "x", fn = function(e) return e.amount / 2 end },
    { name = "y", fn = function(e) return e.n + 1 end } } } },
  key = { { verb = "key", key_name = "key", fn = function(e) return e.n % 10 end } },
  ["a sink"] = { { verb = "each", fn = (function()
    local totals = {}
    return function(e) totals[e.country] = (totals[e.country] or 0) + e.amount end
  end)() } },
  ["functions of generated fields"] = { { verb = "assign", made = { number = "n", seed = 7, order = { "user", "x", "y" } },
    assigns = { { name = "x", fn = function(i, random) return i % 10 + random(6) end },
      { name = "y", fn = function(_, random) return random() < 0.5 and "head" or "tail" end } } } },
  ["a function of generated rows"] = { { verb = "map", made = { number = "n", seed = 7 }, fn = function(i, random)
    return { id = i, dice = random(6), name = "u" .. i % 10 }
  end } },
  ["decimal and int64"] = { { verb = "map", fn = function(e)
    return { p = e.price + e.price, i = e.id + 1, dear = e.price > 100 }
  end } },
  ["decimal and int64 between operators"] = {
    { verb = "assign", assigns = { { name = "p", fn = function(e) return e.price + e.price end },
      { name = "i", fn = function(e) return e.id + 1 end } } },
    { verb = "map", fn = function(e) e.dear = e.p > 100 e.p = e.p + e.price return e end },
    { verb = "select", columns = { "p", "i", "dear", "country" } },
  },
  -- More operations a row than a trace takes calls in tail position.
  ["filters and maps that mix decimals and int64"] = {
    { verb = "filter", fn = function(e) return e.id < e.price or e.id == e.price or e.n > 3 end },
    { verb = "map", fn = function(e) e.p = e.price - e.id e.q = e.price * e.id + e.id e.big = e.id * 2 > e.price return e end },
    { verb = "filter", fn = function(e) return e.p > -100000000 and e.q > e.id - 100000000 end },
  },
  ["five operators"] = {
    { verb = "filter", fn = function(e) return e.amount > 5 end },
    { verb = "assign", assigns = { { name = "t", fn = function(e) return e.amount * e.n end } } },
    { verb = "filter", fn = function(e) return e.t < 90000 end },
    { verb = "map", fn = function(e) e.u = e.t + e.amount return e end },
    { verb = "filter", fn = function(e) return e.u ~= 7 end },
  },
  ["flat_map between others"] = {
    { verb = "filter", fn = function(e) return e.amount > 5 end },
    { verb = "flat_map", fn = function(e, out) out { a = e.amount } out { a = e.n } end },
    { verb = "map", fn = function(e) return { b = e.a * 2 } end },
  },
  ["the script's own functions"] = { { verb = "map", fn = (function()
    local function half(x) return x / 2 end
    local function score(w) return half(w.amount) + w.n end
    return function(w) w.risk = score(w) return w end
  end)() } },
  ["fields of structs"] = { { verb = "filter", fn = function(e) return e.at.pos.x > 10 and e.at.city ~= "FR" end } },
  ["a walk over a list"] = { { verb = "flat_map", fn = function(e, out)
    for i, price in ipairs(e.prices) do out { user = e.user, i = i, price = price, tag = e.tags[i] } end
  end } },
  ["a walk over a long list"] = { { verb = "flat_map", fn = function(e, out)
    for i, price in ipairs(e.many) do out { user = e.user, i = i, price = price } end
  end } },
  ["a walk over a map"] = { { verb = "map", fn = function(e)
    local sum = 0
    for k, v in pairs(e.counts) do sum = sum + v + #k end
    return { sum = sum }
  end } },
  ["a walk over a struct"] = { { verb = "map", fn = function(e)
    local n = 0
    for k in pairs(e.at) do n = n + #k end
    return { n = n }
  end } },
  ["a walk over a list by number"] = { { verb = "map", fn = function(e)
    local sum = 0
    for i = 1, #e.prices do sum = sum + e.prices[i] end
    return { sum = sum, tag = e.tags[1], tags = e.tags }
  end } },
  ["a search for words"] = { { verb = "flat_map", fn = function(e, out)
    local at = 1
    while true do
      local stop = e.text:find(" ", at, true)
      if not stop then break end
      out { word = e.text:sub(at, stop - 1) }
      at = stop + 1
    end
    out { word = e.text:sub(at) }
  end } },
  ["a walk within a walk"] = { { verb = "filter", fn = function(e) return e.n ~= 17 end }, { verb = "flat_map", fn = function(e, out)
    for i, price in ipairs(e.prices) do
      local most = 0
      for _, other in ipairs(e.prices) do if other > most then most = other end end
      out { i = i, share = price / (most + 1) }
    end
  end }, { verb = "filter", fn = function(e) return e.share > 0.5 end } },
  ["a walk that ends early"] = { { verb = "filter", fn = function(e)
    for _, tag in ipairs(e.tags) do if tag == "u3" then return true end end
    return false
  end } },
  ["nested columns that are given"] = { { verb = "map", fn = function(e)
    return { where = { city = e.country, pos = { x = e.amount, y = e.n } }, tags = { e.user, e.country }, all = e.prices }
  end, returns = support.schema("where struct(city string,pos struct(x double,y int)); tags list(string); all list(double)") } },
  ["parts of structs that are given in structs"] = { { verb = "map", fn = function(e)
    local sum = 0
    for i = 1, #e.prices do sum = sum + e.prices[i] end
    local at = e.at
    return { user = e.user, sum = sum, where = { city = at.city, pos = { x = at.pos.x, who = e.user } }, tags = e.tags }
  end, returns = support.schema("user string; sum double; where struct(city string,pos struct(x double,who string)); "
    .. "tags list(string)") } },
  ["structs with other nested values in them"] = { { verb = "map", fn = function(e)
    return { o = { tags = e.tags, at = e.at, first = e.tags[1], n = e.n > 500 and e.n or nil } }
  end, returns = support.schema("o struct(tags list(string),at struct(city string,pos struct(x double,y int)),first string,n int)") } },
  ["structs of the items of a list"] = { { verb = "flat_map", fn = function(e, out)
    for i, tag in ipairs(e.tags) do out { o = { tag = tag, i = i } } end
  end, returns = support.schema("o struct(tag string,i int)") } },
  ["lists that are made"] = { { verb = "map", fn = function(e)
    local twice = {}
    for i, price in ipairs(e.prices) do twice[i] = price * 2 end
    return { user = e.user, twice = twice }
  end, returns = support.schema("user string; twice list(double)") } },
  ["a walk in a reduce"] = { { verb = "reduce", fn = function(a, e)
    local sum = 0
    for _, price in ipairs(e.prices) do sum = sum + price end
    return { user = e.user, amount = a.amount + sum, n = a.n }
  end } },
  ["items of lists"] = { { verb = "map", fn = function(e)
    return { sum = (e.prices[1] or 0) + (e.prices[2] or 0), n = #e.prices, tag = e.tags[1], tags = e.tags }
  end } },
  ["entries of a map"] = { { verb = "map", fn = function(e) return { a = e.counts.a, n = #e.counts } end } },
  ["parts of any"] = { { verb = "map", fn = function(e) return { a = e.extra.a, user = e.user } end,
    returns = support.schema("a double; user string") } },
  partition = { { verb = "partition", key_name = "$partition", fn = function(e) return e.n % 10 end } },
  ["filter with side outputs"] = { { verb = "filter", read_sides = { { tag = "dear" }, { tag = "few" } }, fn = function(e, out)
    if e.amount > 50 then out("dear", e) end
    if e.n < 500 then out("few", { n = e.n, label = e.country .. "!", p = e.price + e.price }) end
    return e.ok
  end } },
  ["map with a side output"] = {
    { verb = "filter", fn = function(e) return e.amount > 5 end },
    { verb = "map", read_sides = { { tag = "before" } }, fn = function(e, out)
      e.amount = e.amount * 2
      out("before", e)
      e.amount = e.amount + 1
      return e
    end },
  },
  ["flat_map with a side output that nobody reads"] = { { verb = "flat_map", fn = function(e, out)
    if e.amount > 50 then out("large", e) else out { a = e.amount } end
    out { a = e.n }
  end } },
  metrics = {
    { verb = "map", fn = function(e)
      rows_seen:inc()
      paid:add(e.amount)
      last:set(e.n)
      sizes:observe(e.n)
      return e
    end },
    { verb = "filter", fn = function(e) rows_seen:inc() return e.amount > 1 end },
  },
  ["metrics behind a flat_map"] = {
    { verb = "flat_map", fn = function(e, out) out { a = e.amount } rows_seen:inc() out { a = e.n } rows_seen:inc() end },
    { verb = "map", fn = function(e) rows_seen:inc() return { b = e.a * 2 } end },
  },
  ["add of a custom aggregate"] = { role = "add", custom = {
    schema = support.schema "sum double; n int; most decimal(10,2); ids int64; ok bool; at timestamp",
    defaults = { 0, 0, D "0", I "0", false },
    add = function(a, e)
      a.sum, a.n, a.ids = a.sum + e.amount, a.n + 1, a.ids + e.id
      if e.price > a.most then a.most = e.price end
      a.ok, a.at = a.ok or e.ok, e.ts
    end } },
  ["add of texts"] = { role = "add", custom = { schema = support.schema "last string; n int", defaults = { "", 0 },
    add = function(a, e) if a.last ~= e.user then a.n = a.n + 1 end a.last = e.user end } },
  ["merge of a custom aggregate"] = { role = "merge", custom = {
    schema = support.schema "sum double; n int; most decimal(10,2); ok bool", defaults = { 0, 0, D "0", false },
    add = function(a, e) a.n = a.n + e.n end,
    merge = function(a, b)
      a.sum, a.n, a.ok = a.sum + b.sum, a.n + b.n, a.ok or b.ok
      if b.most > a.most then a.most = b.most end
    end } },
  ["event of a watermark generator"] = { role = "event", generator = {
    schema = support.schema "max timestamp; n int", defaults = { nil, 0 },
    event = function(kept, e, time)
      kept.n = kept.n + 1
      if kept.max == nil or time > kept.max then kept.max = time end
      if e.n % 100 == 7 then return time - 1000 end
    end } },
  ["event that gives a watermark for each row"] = { role = "event", generator = {
    schema = support.schema "n int", defaults = { 0 }, event = function(_, _, time) return time - 1 end } },
  reduce = { { verb = "reduce", fn = function(a, e) return { user = e.user, amount = a.amount + e.amount, n = a.n } end } },
  ["a process with state, timer and emit"] = { process = { key = { "user" },
    state = function()
      return { count = state.value("int", { default = 0 }), last = state.value("timestamp"),
        sum = state.reducing("double", function(a, b) return a + b end) }
    end,
    each = function(ctx, e)
      ctx.state.count:set(ctx.state.count:get() + 1)
      ctx.state.last:set(e.ts)
      ctx.state.sum:add(e.amount)
      ctx:emit { user = ctx.key, at = ctx.time, n = ctx.state.count:get(), sum = ctx.state.sum:get() }
      ctx:timer(ctx.time + 60000)
    end,
    timer = function(ctx) ctx.state.count:clear() end } },
  ["a process with texts, a time to live and a side output"] = { process = { key = { "user", "n" },
    state = function()
      return { name = state.value("string"), price = state.value("decimal(10,2)", { default = 1, ttl = "1h" }),
        ok = state.value("bool", { ttl = "1m", clock = "event", refresh = "access" }) }
    end,
    read_sides = { { tag = "dear" } },
    each = function(ctx, e)
      if ctx.state.name:get() ~= e.country then ctx.state.name:set(e.country) end
      ctx.state.price:set(ctx.state.price:get() + e.price - e.price)
      if not ctx.state.ok:get() then ctx.state.ok:set(e.ok) end
      if e.amount > 50 then ctx:output("dear", { user = ctx.key.user, price = e.price }) end
      ctx:timer_processing(ctx.now + 1000, "look")
      ctx:delete_timer_processing(ctx.now, "look")
      ctx:emit { user = ctx.key.user, n = ctx.key.n }
    end,
    timer = function(ctx, at, name) if name == "look" then ctx:emit { n = at } end end } },
  ["a process with an accumulator"] = { process = { key = { "user" },
    state = function()
      return { mean = state.aggregating(custom.new({ at = "job.lua:1" }, { accumulator = { sum = "double", n = "int" },
        add = function(a, e) a.sum = a.sum + e.amount a.n = a.n + 1 end,
        result = function(a) return { mean = a.sum / a.n } end })) }
    end,
    each = function(ctx, e)
      ctx.state.mean:add(e)
      ctx:emit { user = ctx.key, mean = ctx.state.mean:get().mean }
    end } },
  ["left of a connect"] = { role = "left", process = { key = { "user" }, second_key = { "who" },
    other = support.schema "who string; name string; at timestamp@",
    state = function() return { sum = state.value("double", { default = 0 }), name = state.value("string") } end,
    left = function(ctx, e)
      ctx.state.sum:set(ctx.state.sum:get() + e.amount)
      ctx:emit { user = ctx.key, sum = ctx.state.sum:get(), name = ctx.state.name:get() }
      ctx:timer(ctx.time + 1000)
    end,
    right = function(ctx, e) ctx.state.name:set(e.name) end,
    timer = function(ctx) ctx.state.sum:clear() end } },
  ["each of a process with rules"] = { role = "each", process = { key = { "user" },
    other = support.schema "limit double; word string",
    state = function() return { n = state.value("int", { default = 0 }) } end,
    broadcast = function()
      return { limit = state.value("double", { default = 3 }), off = state.value("bool"), scale = state.value("int") }
    end,
    each = function(ctx, e)
      local b = ctx.broadcast
      if not b.off:get() and e.amount * (b.scale:get() or 1) > b.limit:get() then
        ctx.state.n:set(ctx.state.n:get() + 1)
        ctx:emit { user = ctx.key, n = ctx.state.n:get(), over = e.amount - b.limit:get() }
      end
    end,
    rule = function(ctx, e)
      ctx.broadcast.limit:set(e.limit)
      ctx:each_key("n", function(_, _, n) n:set(0) end)
    end } },
  ["a function of windows with state of each"] = { schema = WINDOWS, process = { key = { "user" }, of_window = "result",
    state = function() return { all = state.value("int", { default = 0 }) } end,
    window_state = function() return { fired = state.value("int", { default = 0 }), most = state.value("double") } end,
    read_sides = { { tag = "gone" } },
    each = function(ctx, key, r)
      local s = ctx.window_state
      s.fired:set(s.fired:get() + 1)
      if not s.most:get() or r.amount > s.most:get() then s.most:set(r.amount) end
      ctx.state.all:set(ctx.state.all:get() + 1)
      ctx:emit { user = key, from = ctx.window_start, fired = s.fired:get(), all = ctx.state.all:get() }
    end,
    clear = function(ctx)
      ctx:output("gone", { user = ctx.key, fired = ctx.window_state.fired:get() })
      ctx.window_state.fired:clear()
    end } },
  ["maps of a process"] = { process = { key = { "user" },
    state = function() return { seen = state.map("string", "int"), at = state.map("int", "string"), rates = state.map("decimal(10,2)",
      "double") } end,
    each = function(ctx, e)
      local seen = ctx.state.seen
      seen:put(e.country, (seen:get(e.country) or 0) + 1)
      ctx.state.at:put(e.n % 10, e.country)
      ctx.state.rates:put(e.price, e.amount)
      if e.n % 17 == 0 then seen:remove("US") end
      ctx:emit { user = ctx.key, n = seen:get(e.country), size = seen:size(), new = not ctx.state.at:has(e.n), last = ctx.state.at:get(3) }
    end } },
  ["maps of numbers of a process"] = { process = { key = { "user" },
    state = function() return { names = state.list("string"), counts = state.map("int", "int"), rates = state.map("double", "double"),
      flags = state.map("timestamp", "bool") } end,
    each = function(ctx, e)
      local counts, rates, flags = ctx.state.counts, ctx.state.rates, ctx.state.flags
      local n = (counts:get(e.n % 50) or 0) + 1
      counts:put(e.n % 50, n)
      rates:put(e.amount, (rates:get(e.amount) or 0) / 2 + e.amount)
      flags:put(e.n, not flags:get(e.n))
      if e.n % 17 == 0 then counts:remove(3) end
      ctx:emit { user = ctx.key, n = n, rate = rates:get(e.amount), flag = flags:has(e.n), three = counts:has(3) }
    end } },
  ["walks over maps of a process"] = { process = { key = { "user" },
    state = function() return { seen = state.map("string", "int") } end,
    each = function(ctx, e)
      ctx.state.seen:put(e.country, e.n)
      local sum, count, most = 0, 0, 0
      for _, n in pairs(ctx.state.seen) do sum = sum + n end
      for k in ctx.state.seen:keys() do count = count + #k end
      for v in ctx.state.seen:values() do if v > most then most = v end end
      ctx:emit { user = ctx.key, sum = sum, count = count, most = most }
    end } },
  ["lists of a process"] = { process = { key = { "user" },
    state = function() return { tail = state.list("double"), names = state.list("string") } end,
    each = function(ctx, e)
      local tail, sum = ctx.state.tail, 0
      if #tail >= e.n % 7 then tail:clear() end
      tail:add(e.amount)
      for i, x in ipairs(tail) do sum = sum + x * i end
      for x in tail:values() do sum = sum + x end
      if e.n % 3 == 0 then ctx.state.names:update { e.user, e.country } else ctx.state.names:add(e.country) end
      if ctx.state.names:size() > 5 then ctx.state.names:clear() end
      ctx:emit { user = ctx.key, sum = sum, first = tail[1], n = #tail, name = ctx.state.names[2] }
    end } },
  ["a loop in a process"] = { process = { key = { "user" },
    state = function() return { most = state.value("double", { default = 0 }) } end,
    each = function(ctx, e)
      local sum = 0
      for _, price in ipairs(e.prices) do sum = sum + price end
      if sum > ctx.state.most:get() then ctx.state.most:set(sum) end
      for i = 1, e.n % 4 do ctx:emit { user = ctx.key, i = i, most = ctx.state.most:get() } end
    end } },
  ["timers of a process"] = { role = "timer", process = { key = { "user" },
    state = function() return { count = state.value("int", { default = 0 }) } end,
    each = function(ctx, e) ctx:emit { user = ctx.key, at = e.ts, n = 1 } end,
    timer = function(ctx, at, name)
      ctx.state.count:set(ctx.state.count:get() + 1)
      if name ~= "none" then ctx:emit { user = ctx.key, at = at, n = ctx.state.count:get() } end
      ctx:timer(at + 1000, name)
    end } },
}

local COUNTRIES = { "FR", "DE", "US" }
local WORDS = { "a", "list", "of", "words", "with spaces", "between them" }

-- Lists of no items to `most`, of all lengths.
local function prices(i, most)
  local list = {}
  for k = 1, i * 31 % (most + 1) do list[k] = (i * 7 + k) % 20 end
  return list
end

local function words(i)
  local list = {}
  for k = 1, i * 11 % 7 + 1 do list[k] = WORDS[(i + k) % 6 + 1] end
  return "a text of words: " .. table.concat(list, " ")
end

local function row(i)
  return { user = "user " .. i % 50, country = COUNTRIES[i % 3 + 1], amount = i * 37 % 100, n = i % 1000, ok = i % 7 < 4,
    price = D(("%d.50"):format(i % 150)), id = I(tostring(i)), ts = 1000 + i, ["$key"] = "k",
    tags = { "t" .. i % 9, "u" .. i % 5, "v" }, prices = prices(i, 10), many = prices(i, 50), text = words(i),
    at = { city = COUNTRIES[i % 3 + 1], pos = { x = i * 13 % 50, y = i } }, counts = { a = i % 7, b = i % 5, c = 3 },
    extra = { a = i % 11, list = { 1, 2 } } }
end

local function window_row(i)
  return { user = "user " .. i % 50, window_start = i, window_end = i + 10, amount = i * 37 % 100, ["$gone"] = i % 4 == 0 and true or nil,
    ["$time"] = i + 9 }
end

local function timer(i)
  return { user = "user " .. i % 50, ["$at"] = 1000 + i, ["$name"] = i % 7 < 5 and "end" or nil, ["$domain"] = "event",
    ["$time"] = 1000 + i }
end

-- Every test has functions of its own, as every job has: what LuaJIT made of one in another test is none of its business.
local function own(value)
  if type(value) == "table" then
    local copy = {}
    for k, v in pairs(value) do copy[k] = (k == "returns" or k == "schema") and v or own(v) end
    return copy
  end
  if type(value) ~= "function" then return value end
  local copy = loadstring(string.dump(value))
  for i = 1, util.funcinfo(value).upvalues do debug.upvaluejoin(copy, i, value, i) end
  return copy
end

-- A runner and functions that run it over full and over small batches, entered as C does.
local function prepare(specs)
  specs = own(specs)
  local process, keeps = specs.process, specs.custom or specs.generator
  local nodes = specs.generator and support.watermark(SCHEMA, "ts", specs.generator) or specs.custom and
    support.custom(SCHEMA, specs.custom) or process and support.process(specs.schema or SCHEMA, process)
    or support.nodes(SCHEMA, specs)
  local role = specs.role or process and "each"
  local runner = support.runner(nodes, { full = 65536, full_bytes = 4096 * 1024, capacity = 4096 * 1024,
    among = role and { role = role, subtask = 0 } })
  local schema = process and role == "timer" and nodes[1].codegen.timer_schema or specs.schema or SCHEMA
  local batches = {}
  local function batch(size)
    if not batches[size] then
      local rows = {}
      for i = 1, size do rows[i] = role == "timer" and timer(i) or specs.schema and window_row(i) or row(i) end
      batches[size] = { support.buffer(schema, rows) }
    end
    return batches[size][1], batches[size][2]
  end
  local reduce = nodes[1].kind == "reduce"
  if reduce then
    local slots, kept = require("ffi").new("uint8_t *[1024]"), support.buffer(nodes[1].schema, { row(1) })
    for i = 0, 1023 do slots[i] = require("ffi").cast("uint8_t *", kept) end
    runner.slots, runner.kept, runner.ctx.slots = slots, kept, slots
  end
  if process then -- records of some keys
    local at, slots = support.records(runner, 100)
    for i = 0, 4095 do slots[i] = at(i * 7 % 100) end
  end
  if process and nodes[1].broadcast then support.broadcast_record(runner, nodes[1]) end
  if process and (nodes[1].window_states or {})[1] then support.window_records(runner, nodes[1], 100) end
  if specs.generator then
    runner.marks = require("ffi").new("double[4096]")
    runner.ctx.marks = runner.marks
  end
  if keeps then -- some accumulators, one for many rows each
    local size = require("ffi.layout").of(keeps.schema).fixed_bytes / 8
    local slots, kept = require("ffi").new("uint8_t *[2048]"), require("ffi").new("uint64_t[?]", size * 100)
    for i = 0, 2047 do slots[i] = require("ffi").cast("uint8_t *", kept + i * 7 % 100 * size) end
    runner.slots, runner.kept, runner.ctx.slots = slots, kept, slots
  end
  local rc
  local sides = #(nodes[#nodes].codegen.sides or {})
  local reset = sides > 0 and function()
    for i = 0, sides - 1 do runner.sides[i].out_size, runner.sides[i].out_rows = 0, 0 end
  end
  local function enter() rc = runner.instance:run() end
  return runner, function(size, times)
    local buffer, bytes = batch(size)
    for _ = 1, times do
      runner:give(buffer, bytes)
      runner.ctx.out_size, runner.ctx.out_rows, runner.ctx.slot_index = 0, 0, 0
      if reset then reset() end
      string.gsub("x", "x", enter)
      if rc ~= 0 then error("run gave " .. rc) end
    end
  end
end

-- Counts what the trace compiler does with a chain: all that starts in, or gives up in, its chunk or in user functions.
local function watch(fn)
  local seen = { aborts = {}, fallbacks = 0 }
  local started
  local function of_chain(f)
    local info = type(f) == "function" and util.funcinfo(f)
    return info and info.source and (info.source:find("^=tidemill:chain") or info.source:find("trace_cases", 1, true))
  end
  local function event(what, trace, f, pc, code, reason)
    if what == "start" then
      started = f
    elseif what == "abort" then
      if of_chain(started) and of_chain(f) and util.funcinfo(started).source:find("^=tidemill") then
        local info = util.funcinfo(f, pc)
        seen.aborts[#seen.aborts + 1] = ("%s: error %s %s"):format(info.loc or "?", tostring(code),
          type(reason) == "function" and (util.funcinfo(reason).loc or "") or tostring(reason))
      end
    elseif what == "stop" then
      local info = util.traceinfo(trace)
      if info and info.linktype == "interpreter" and of_chain(started) then seen.fallbacks = seen.fallbacks + 1 end
    end
  end
  jit.attach(event, "trace")
  local ok, err = pcall(fn)
  jit.attach(event)
  if not ok then error(err, 0) end
  return seen
end

local GIVEN_UP = { IFORL = true, IITERL = true, ILOOP = true, IFUNCF = true, IFUNCV = true }

-- Loops and functions given up among the chunk's and the user's.
local function given_up(runner)
  local list = {}
  local chunk = runner.instance.chunk
  local functions = { chunk.loop, chunk.run }
  for _, fn in ipairs(runner.instance.heat.functions) do functions[#functions + 1] = fn end
  for _, fn in ipairs(functions) do
    for pc = 0, util.funcinfo(fn).bytecodes - 1 do
      local name = opcodes.name_at(fn, pc)
      if GIVEN_UP[name] then list[#list + 1] = name .. " at " .. (util.funcinfo(fn, pc).loc or "?") end
    end
  end
  return list
end

-- A rare way out of a trace becomes hot late, and LuaJIT draws lots over when it tries again what it has given up: the compiler
-- must come to rest, within so many runs.
local function assert_rest(fn)
  local seen
  for _ = 1, 8 do
    seen = watch(fn)
    if not seen.aborts[1] and seen.fallbacks == 0 then return end
  end
  assert.same({}, seen.aborts)
  assert.equal(0, seen.fallbacks)
end

local function check(runner, full, wide)
  assert.is_true(runner.instance.heat.compiled)
  assert_rest(function() full(1000, 60) end)
  assert.same({}, given_up(runner))
  local loop, link = runner.instance.chunk.loop, "not compiled"
  for pc = 1, util.funcinfo(loop).bytecodes - 1 do
    local name, operand = opcodes.name_at(loop, pc)
    if name == "JFORL" then link = util.traceinfo(operand).linktype end
  end
  assert.equal("loop", link) -- not "stitch": a call that leaves compiled code
  if wide or not runner.instance.chunk.steady then return end
  local steady = runner.instance.steady -- long runs take a loop whose trace is that of a row
  assert.equal(runner.instance.chunk.steady.run, steady.run)
  assert.equal("loop", heat.link_of(steady.loop))
end

local names = {}
for name in pairs(VERBS) do names[#names + 1] = name end
table.sort(names)

-- In one of ten processes LuaJIT gives the start of this function up as a trace of its own (it draws lots over when it tries again);
-- docs/internals/status.md, "Known weak points". Another of the same text, in the same process, has its own lot.
local LOTTERY = { ["a search for words"] = 4 }

-- A row of these has as many values under way as LuaJIT has places for, or more: whether the loop of long runs can be recorded with a
-- row in it is settled by which of its functions have traces of their own. Where it cannot, the other loop goes on, compiled as well.
local WIDE = { ["maps of a process"] = true }

local function try(name, fn)
  for _ = 2, LOTTERY[name] or 1 do
    if pcall(fn) then return end
    jit.flush()
  end
  fn()
end

-- Every second name from this one on.
local function loops_from(busted, first)
  local it = busted.it
  busted.before_each(function() jit.flush() end) -- all of them together have more traces than LuaJIT holds
  for i = first, #names, 2 do
    local name = names[i]
    local function compiled(what, fn)
      it(name .. what, function()
        try(name, function()
          local runner, run = prepare(VERBS[name])
          fn(run)
          check(runner, run, WIDE[name])
        end)
      end)
    end
    compiled(" is compiled after full batches", function(run) run(1000, 60) end)
    compiled(" is compiled after 20,000 batches each of 1, 2, 3 and 10 rows", function(run)
      for _, size in ipairs { 1, 2, 3, 10 } do run(size, 20000) end
      run(1000, 60)
    end)
    compiled(" stays compiled through 20,000 batches each of 1, 2, 3 and 10 rows", function(run)
      run(1000, 60)
      assert_rest(function()
        for _, size in ipairs { 1, 2, 3, 10 } do run(size, 20000) end
      end)
      run(1000, 20)
    end)
  end
end

local function usual_rows(it)
  it("a chain is not compiled before its first batch of 64 rows", function()
    local runner, run = prepare { { verb = "filter", fn = function(e) return e.amount > 1 end } }
    run(63, 300)
    assert.is_false(runner.instance.heat.hot)
    run(64, 1)
    assert.is_true(runner.instance.heat.hot)
  end)

  it("a filter follows the usual row, whichever it meets first", function()
    for _, keep in ipairs { 3, 97 } do
      local runner, run = prepare { { verb = "filter", fn = function(e) return e.amount < keep end } }
      run(1000, 100)
      local trace
      local loop = runner.instance.chunk.loop
      for pc = 1, util.funcinfo(loop).bytecodes - 1 do
        local op, operand = opcodes.name_at(loop, pc)
        if op == "JFORL" then trace = operand end
      end
      -- The counter of filtered rows is touched by the root trace exactly when most rows are filtered.
      local address, touches = runner.instance.R.outcomes[1].address, false
      for ref = 1, util.traceinfo(trace).nins - 1 do
        local mode, _, op = util.traceir(trace, ref)
        if mode and op and op < 0 and bit.band(mode, 3) == 0 then
          local k = util.tracek(trace, op)
          if type(k) == "cdata" and k == address then touches = true end
        end
      end
      assert.equal(keep == 3, touches)
    end
  end)
end

local function interpreted(it)
  it("runs right all the same", function()
    local runner, run = prepare { { verb = "flat_map", fn = function(e, out)
      for word in e.user:gmatch("%w+") do out { word = word } end
    end } }
    run(1000, 20)
    assert.equal(2000, runner.ctx.out_rows)
    for _ = 1, 3 do run(10, 500) end
    run(1000, 20)
    assert.equal("user", runner:take()[1].word)
  end)

  it("may fail often", function()
    local nodes = support.nodes(SCHEMA, { { verb = "map", fn = function(e) return { x = e.amount + e.n } end } })
    local failed = 0
    local runner = support.runner(nodes, { full = 4096, full_bytes = 1024 * 1024, on_fail = function()
      failed = failed + 1
      return 0
    end })
    local rows = {}
    for i = 1, 500 do
      rows[i] = row(i)
      if i % 3 == 0 then rows[i].amount = nil end
    end
    for _ = 1, 60 do assert.equal(334, #runner:batch(rows)) end
    assert.equal(60 * 166, failed)
  end)
end

-- Files of their own, so that they run side by side: all in one takes longer than every other spec together.
return { loops_from = loops_from, usual_rows = usual_rows, interpreted = interpreted }
