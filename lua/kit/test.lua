-- What tm.test gives: a job that runs as the spec says. Every method runs it to rest.
local engine = require "kit.engine"
local json = require "kit.json"
local program = require "kit.program"
local trouble = require "kit.trouble"

local test = {}
local methods = {}
local index = { __index = methods }

local function shown(v) return type(v) == "string" and ("%q"):format(v) or tostring(v) end

local function checked(first, ...)
  if first == nil then trouble.raise((...)) end
  return first, ...
end

local function is_whole(v) return type(v) == "number" and v == math.floor(v) and math.abs(v) <= 2 ^ 53 end

-- Tests that the spec under way has made or called, in order; nil: nobody wants to know (kit.story).
test.used = nil
-- Where a test is made: a text that the seed of its draws follows from (kit.runner). nil: nobody knows.
test.place = nil
local made_at = {} -- by place: how many

local function place()
  local name = test.place and test.place() or ""
  made_at[name] = (made_at[name] or 0) + 1
  return name .. "\n" .. made_at[name]
end

local function note_use(self)
  local used = test.used
  if used and not used[self] then
    used[self] = true
    used[#used + 1] = self
  end
end

-- Tests that specs have left behind hold the Lua states of their jobs, until they are collected.
local open_most = 4
local function collect_tests()
  if engine.open() < open_most then return end
  collectgarbage()
  open_most = math.max(4, 2 * engine.open())
end

local function kit_of(self, method)
  if getmetatable(self) ~= index then
    trouble.wrong("ARGUMENT", ("%s: called on %s"):format(method, shown(self)), ("it is called with a colon: t:%s(...)"):format(method))
  end
  if not self.kit then
    trouble.wrong("TEST_USE", ("%s: the test is closed"):format(method), "make another one with tm.test")
  end
  note_use(self)
  return self.kit
end

-- What things of a job are called by; states have the names that they are declared by.
local CALLED = { source = "a name is name = of the source, else the name of its file, else its kind",
  sink = "a name is name = of the sink, else the name of its file, else its kind; a side output that nobody reads is operator.tag",
  operator = "an operator is called by its first argument, name = or :named(...), else by what it does" }

local function unknown(method, what, name, names)
  local quoted = {}
  for i, n in ipairs(names) do quoted[i] = ('"%s"'):format(n) end
  local nearest = type(name) == "string" and engine.nearest(name, names)
  trouble.wrong("UNKNOWN_NAME", ("%s: the job has no %s %s; it has %s"):format(method, what, shown(name),
    #quoted == 0 and "none" or table.concat(quoted, ", ")),
    nearest and ('did you mean "%s"?'):format(nearest) or CALLED[what])
end

local function named(self, method, what, name)
  local names = self[what]
  for _, known in ipairs(names) do
    if known == name then return name end
  end
  unknown(method, what, name, names)
end

local function columns_of(self, source)
  local known = self.columns[source]
  if not known then
    local list, whole, shapes = engine.columns(self.kit, source)
    known = { list = list, whole = whole, shapes = not whole and shapes or nil, names = {} }
    for _, name in ipairs(list) do known.names[name] = true end
    self.columns[source] = known
  end
  return known
end

local function record(self, source, row, number)
  local at = number and (" record %d:"):format(number) or ""
  local columns = columns_of(self, source)
  if type(row) == "string" and #columns.list == 1 then row = { [columns.list[1]] = row } end
  if type(row) ~= "table" then
    trouble.wrong("ARGUMENT", ('push("%s"):%s a record is a table of fields, given %s'):format(source, at, shown(row)))
  end
  for name in pairs(columns.whole and {} or row) do
    if not columns.names[name] then
      local nearest = type(name) == "string" and engine.nearest(name, columns.list)
      trouble.wrong("UNKNOWN_FIELD", ('push("%s"):%s the source has no column %s; it has %s'):format(source, at, shown(name),
        table.concat(columns.list, ", ")), nearest and ("did you mean %s?"):format(nearest) or nil)
    end
  end
  local text, why = json.encode(row, columns.shapes)
  if not text then trouble.wrong("ARGUMENT", ('push("%s"):%s %s'):format(source, at, why)) end
  return text
end

---A record, or a list of records: one push is one cause.
function methods:push(source, rows)
  local kit = kit_of(self, "push")
  named(self, "push", "source", source)
  local lines = {}
  if type(rows) == "table" and (rows[1] ~= nil or next(rows) == nil) then
    for i, row in ipairs(rows) do lines[i] = record(self, source, row, i) end
  else
    lines[1] = record(self, source, rows)
  end
  if #lines > 0 then checked(engine.push(kit, source, table.concat(lines, "\n") .. "\n")) end
  return self
end

function methods:advance_watermark(at, source)
  local kit = kit_of(self, "advance_watermark")
  if not is_whole(at) then
    trouble.wrong("ARGUMENT", "advance_watermark: a time in whole milliseconds is needed, given " .. shown(at))
  end
  if source ~= nil then named(self, "advance_watermark", "source", source) end
  checked(engine.watermark(kit, source, at))
  return self
end

function methods:advance_clock(ms)
  local kit = kit_of(self, "advance_clock")
  if not is_whole(ms) or ms < 0 then
    trouble.wrong("ARGUMENT", "advance_clock: whole milliseconds from 0 on are needed, given " .. shown(ms),
      "processing time never runs backwards")
  end
  checked(engine.advance(kit, ms))
  return self
end

function methods:now() return engine.now(kit_of(self, "now")) end

function methods:idle(source)
  local kit = kit_of(self, "idle")
  named(self, "idle", "source", source)
  checked(engine.idle(kit, source))
  return self
end

function methods:finish(source)
  local kit = kit_of(self, "finish")
  if source ~= nil then named(self, "finish", "source", source) end
  checked(engine.finish(kit, source))
  return self
end

local RESTORE = { parallelism = 1024, max_parallelism = 32768 }

---Takes a checkpoint and begins anew from it, as a job does after a crash: what follows must not notice. A job that has ended
---stays as it is.
---@param options? { parallelism: integer?, max_parallelism: integer? } as they were, if not given
function methods:snapshot_and_restore(options)
  local kit = kit_of(self, "snapshot_and_restore")
  options = options == nil and {} or options
  if type(options) ~= "table" then
    trouble.wrong("ARGUMENT", "snapshot_and_restore: the options are a table, given " .. shown(options))
  end
  for name, value in pairs(options) do
    local most = RESTORE[name]
    if not most then
      local nearest = type(name) == "string" and engine.nearest(name, { "parallelism", "max_parallelism" })
      trouble.wrong("ARGUMENT", ("snapshot_and_restore has no option %s; it has parallelism, max_parallelism"):format(shown(name)),
        nearest and ("did you mean %s?"):format(nearest) or nil)
    end
    if not (is_whole(value) and value >= 1 and value <= most) then
      trouble.wrong("ARGUMENT", ("snapshot_and_restore: %s: a whole number from 1 to %d is needed, given %s"):format(name, most,
        shown(value)))
    end
  end
  checked(engine.restore(kit, options.parallelism or 0, options.max_parallelism or 0))
  self.columns = {}
  return self
end

---Rows of a sink since the last take. Second result: the number of the cause of each.
function methods:take(sink, options)
  local kit = kit_of(self, "take")
  named(self, "take", "sink", sink)
  local order = type(options) == "table" and options.order or nil
  if options ~= nil and type(options) ~= "table" or order ~= nil and order ~= "arrival" and order ~= "cause" then
    trouble.wrong("ARGUMENT", 'take: { order = "arrival" } or nothing is needed, given ' .. shown(order or options))
  end
  for name in pairs(options or {}) do
    if name ~= "order" then
      trouble.wrong("ARGUMENT", ("take has no option %s; it has order"):format(shown(name)), 'for example { order = "arrival" }')
    end
  end
  return checked(engine.take(kit, sink, order == "arrival"))
end

local function operator(self, method, name)
  self.operator = self.operator or engine.operators(self.kit)
  return named(self, method, "operator", name)
end

-- What an operator keeps: or why it cannot be looked at.
local function look(self, method, name, key)
  local found, why = engine[method](self.kit, name, key)
  if not found then
    local given = why:find("^its key") and ", given " .. shown(key) or ""
    trouble.wrong("ARGUMENT", ('%s("%s"): %s%s'):format(method, name, why, given))
  end
  return found
end

---States of a key: name -> value, or the value of one. What is not there is nil.
function methods:state(name, key, state)
  kit_of(self, "state")
  operator(self, "state", name)
  local found = look(self, "state", name, key)
  if state == nil then return found end
  local names, of_windows = engine.states(self.kit, name)
  for _, known in ipairs(names) do
    if known == state then return found[state] end
  end
  for _, known in ipairs(of_windows) do
    if known == state then
      trouble.wrong("UNKNOWN_NAME", ('state("%s"): %s is a state of windows, of which each has its own'):format(name, shown(state)),
        ('t:windows("%s", key) gives the windows of a key with their states'):format(name))
    end
  end
  unknown(('state("%s")'):format(name), "state", state, names)
end

---Windows of a key that are open: { window_start =, window_end =, state =, trigger = }, in the order of their ends.
function methods:windows(name, key)
  kit_of(self, "windows")
  operator(self, "windows", name)
  return look(self, "windows", name, key)
end

---Timers that wait, in the order in which they fire: { at =, domain =, key =, name = }.
function methods:timers(name, key)
  kit_of(self, "timers")
  operator(self, "timers", name)
  return look(self, "timers", name, key)
end

---Event time at an operator (without a name: at the one that lags most), and what holds it back.
function methods:watermark(name)
  local kit = kit_of(self, "watermark")
  if name ~= nil then return engine.watermark_of(kit, operator(self, "watermark", name)) end
  local lowest, holder
  for i, sink in ipairs(self.sink) do
    local at, by = engine.watermark_of(kit, sink)
    if i == 1 or (at or -math.huge) < (lowest or -math.huge) then lowest, holder = at, by end
  end
  return lowest, holder
end

function methods:metrics(name)
  kit_of(self, "metrics")
  return engine.metrics(self.kit, operator(self, "metrics", name))
end

---What a seed did to the job, a line each; "" without one.
function methods:story() return self.kit and engine.story(self.kit) or self.told or "" end

function methods:close()
  if self.kit then
    self.told = engine.story(self.kit)
    engine.close(self.kit)
  end
  self.kit = nil
end

local OPTIONS = { parallelism = true, seed = true, now = true, args = true, watermarks = true, clock = true }

local function option(options, name, default, valid, needed)
  local value = options[name]
  if value == nil then return default end
  if not valid(value) then
    trouble.wrong("ARGUMENT", ("tm.test: %s: %s is needed, given %s"):format(name, needed, shown(value)))
  end
  return value
end

-- A job's path is relative to the working directory; what is not there may stand beside the spec.
local function find(path)
  if path:find("^/") or engine.kind_of(path) then return path end
  for level = 3, 100 do
    local info = debug.getinfo(level, "S")
    if not info then return path end
    local folder = info.source:match("^@(.*/)[^/]*$")
    if info.source:find("^@") then
      local beside = folder and folder .. path
      return beside and engine.kind_of(beside) and beside or path
    end
  end
end

---@param job string|table path of a job file, or { code = "its text", path = "what messages call it" }
function test.new(job, options)
  options = options == nil and {} or options
  if type(options) ~= "table" then
    trouble.wrong("ARGUMENT", "tm.test: the options are a table, given " .. shown(options))
  end
  for name in pairs(options) do
    if not OPTIONS[name] then
      local nearest = type(name) == "string" and engine.nearest(name, { "parallelism", "seed", "now", "args", "watermarks", "clock" })
      trouble.wrong("ARGUMENT", ("tm.test has no option %s; it has args, clock, now, parallelism, seed, watermarks"):format(shown(name)),
        nearest and ("did you mean %s?"):format(nearest) or nil)
    end
  end
  local args = option(options, "args", {}, function(v) return type(v) == "table" end, "a table of arguments")
  local watermarks = option(options, "watermarks", "test", function(v) return v == "test" or v == "job" end, '"test" or "job"')
  -- "job": a timer of the clock fires when its millisecond is over, as in production; "test": as soon as the clock shows its time
  local clock = option(options, "clock", "job", function(v) return v == "test" or v == "job" end, '"test" or "job"')
  local given = {
    parallelism = option(options, "parallelism", engine.tries() and 0 or 1, function(v) return is_whole(v) and v >= 1 and v <= 1024 end,
      "a whole number from 1 to 1024"),
    seed = option(options, "seed", 1, function(v) return is_whole(v) and v >= 0 end, "a whole number from 0 on"),
    now = option(options, "now", 0, is_whole, "a time in whole milliseconds"),
    job_watermarks = watermarks == "job", job_clock = clock == "job", names = {}, values = {},
  }
  for name in pairs(args) do given.names[#given.names + 1] = tostring(name) end
  table.sort(given.names)
  for i, name in ipairs(given.names) do given.values[i] = tostring(args[name]) end
  if type(job) == "string" then
    given.path = find(job)
  elseif type(job) == "table" and type(job.code) == "string" then
    given.path, given.text = job.path or "job", job.code
  else
    local mark = program.mark()
    if type(job) == "function" then job = job() else mark = math.huge end
    if not program.is(job) then
      local plain = type(job) == "table" and getmetatable(job) == nil
      trouble.wrong("ARGUMENT", "tm.test: a job, a stream, a function that returns one, or the path of a job file is needed, given "
        .. (plain and "a table" or shown(job)), plain and "a job's text stands in { code = \"...\" }" or nil)
    end
    given.path, given.text, given.program = "the spec's job", program.text(job, mark), true
  end
  collect_tests()
  given.place = place()
  local kit = checked(engine.new(given))
  local t = setmetatable({ kit = kit, source = engine.names(kit, "source"), sink = engine.names(kit, "sink"), columns = {} }, index)
  note_use(t)
  return t
end

return test
