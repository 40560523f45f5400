-- Reads case files (tests/golden/cases/README.md): a text becomes a list of cases, each with its declarations and its steps,
-- every one with its line. What is wrong is told with the line; nothing is left out in silence.
local json = require "tests.functional.cases.json"

local format = {}

local function fail(state, what) error({ line = state.line, what = what }, 0) end

-- A word of a row: null, true, false, a number, JSON in quotes, brackets or braces; anything else is a text as it stands.
local function word_at(state, text, at)
  if text:find('^["%[{]', at) then
    local item, stop = json.value(text, at)
    if item == nil then fail(state, stop .. ": " .. text) end
    return item, stop
  end
  local word = text:match("^[^%s;]+", at)
  if word == "null" then return json.null, at + 4 end
  if word == "true" or word == "false" then return word == "true", at + #word end
  return tonumber(word) or word, at + #word
end

---The values of a line: a list of rows, which `;` parts.
local function rows_of(state, text)
  local rows, row, at = {}, {}, 1
  while true do
    at = text:find("%S", at)
    if not at then break end
    if text:sub(at, at) == ";" then
      rows[#rows + 1], row, at = row, {}, at + 1
    else
      row[#row + 1], at = word_at(state, text, at)
    end
  end
  rows[#rows + 1] = row
  return rows
end

-- `k string, v int` or `k v`: names, and types where they are given.
local function fields_of(state, text, typed)
  local fields = {}
  for part in (text .. ","):gmatch("([^,]*),") do
    part = part:match("^%s*(.-)%s*$")
    if typed then
      local name, kind = part:match("^([%w_]+)%s+(.+)$")
      if not name then fail(state, ("a field is a name and a type: %q"):format(part)) end
      -- decimal(10,2): the comma is the type's own
      fields[#fields + 1] = { name = name, type = kind }
    else
      for name in part:gmatch("%S+") do fields[#fields + 1] = { name = name } end
    end
  end
  if #fields == 0 then fail(state, "no fields") end
  return fields
end

-- Commas inside parentheses do not part fields.
local function guard(text) return (text:gsub("%b()", function(inner) return (inner:gsub(",", "\1")) end)) end
local function unguard(fields)
  for _, f in ipairs(fields) do if f.type then f.type = f.type:gsub("\1", ",") end end
  return fields
end

local function declare(state, list, name, made)
  made.name, made.line = name, state.line
  for i, known in ipairs(list) do
    if known.name == name then list[i] = made return end
  end
  list[#list + 1] = made
end

local function copy(list)
  local result = {}
  for i, v in ipairs(list) do result[i] = v end
  return result
end

local function find(list, name)
  for _, known in ipairs(list) do if known.name == name then return known end end
end

local function where(state) return state.case or state.file end

local function steps(state)
  if not state.case then fail(state, "a step outside a case") end
  return state.case.steps
end

-- A row of values as a table of fields.
local function row_of(state, fields, values, what)
  if #values ~= #fields then fail(state, ("%s has %d fields, given %d values"):format(what, #fields, #values)) end
  local row = {}
  for i, f in ipairs(fields) do row[f.name] = values[i] end
  return row
end

local function add_step(state, step)
  step.line = state.line
  local list = steps(state)
  list[#list + 1] = step
  state.step = step
  step.rows, step.checks = {}, {}
end

local function add_check(state, check)
  check.line = state.line
  steps(state)
  if not state.step then fail(state, "an expectation before the first step") end
  state.step.checks[#state.step.checks + 1] = check
end

-- `operator key: rest`, `operator: rest`
local function subject(state, text)
  local head, rest = text:match("^(.-):%s+(.*)$")
  if not head then fail(state, "expected `operator: ...`") end
  return rows_of(state, head)[1], rest
end

local function pairs_of(state, text)
  local result = {}
  if text == "none" then return result end
  local at = 1
  while true do
    at = text:find("%S", at)
    if not at then return result end
    local name, stop = text:match("^([%w_]+)=()", at)
    if not name then fail(state, ("expected name=value: %s"):format(text:sub(at))) end
    result[name], at = word_at(state, text, stop)
  end
end

local RULES = { DEPARTURES = true, LUA_API = true, OURS = true }
local words = {}

function words.case(state, text)
  if text == "" then fail(state, "a case without a title") end
  local case = { title = text, line = state.line, sources = copy(state.file.sources), sinks = copy(state.file.sinks), steps = {},
    parallelisms = { 1, 3 }, order = state.file.order, options = state.file.options }
  state.cases[#state.cases + 1] = case
  state.case, state.step, state.lua = case, nil, nil
end

function words.rule(state, text)
  if not state.case then fail(state, "a rule outside a case") end
  local of = text:match("^(%u[%u_]+) ?%w*: .")
  if not (text:match("^SEMANTICS %d+: .") or text:match("^FEATURES %u%d+: .") or RULES[of]) then
    fail(state, "a rule says whose it is: `SEMANTICS n:`, `FEATURES X:`, `DEPARTURES:`, `LUA_API:` or `OURS:`")
  end
  state.case.rules = state.case.rules or {}
  state.case.rules[#state.case.rules + 1] = text
end

-- `job NAME` begins a job of the file; in a case `job` begins its own, `job NAME ARGUMENT | ARGUMENT` takes one of the file.
function words.job(state, text)
  if not state.case then
    if not text:match("^[%w_]+$") then fail(state, "a job of the file has a name") end
    state.lua = { line = state.line + 1 }
    state.file.jobs[text] = state.lua
    return
  end
  if text == "" then
    state.lua = { line = state.line + 1 }
    state.case.lua, state.case.arguments = state.lua, {}
    return
  end
  local name, rest = text:match("^([%w_]+)%s*(.*)$")
  local lua = name and state.file.jobs[name]
  if not lua then fail(state, ("no job %q above"):format(text)) end
  local arguments = {}
  if rest ~= "" then
    for part in (rest .. " | "):gmatch("(.-)%s*|%s+") do arguments[#arguments + 1] = part end
  end
  state.case.lua, state.case.arguments = lua, arguments
end

words["|"] = function(state, text)
  if not state.lua then fail(state, "Lua that belongs to no job") end
  state.lua[#state.lua + 1] = text
end

function words.source(state, text)
  local name, rest = text:match("^([%w_]+):%s+(.*)$")
  if not name then fail(state, "expected `source name: field type, ...`") end
  declare(state, where(state).sources, name, { fields = unguard(fields_of(state, guard(rest), true)) })
end

function words.sink(state, text)
  local name, take, rest = text:match("^([%w_]+)%s*=?%s*([^%s:]*):%s+(.*)$")
  if not name then fail(state, "expected `sink name: field ...` or `sink name = operator.tag: field ...`") end
  local side = take ~= ""
  declare(state, where(state).sinks, name, { fields = fields_of(state, rest, false), take = side and take or name, side = side })
end

function words.order(state, text)
  if text ~= "any" and text ~= "arrival" then fail(state, "order is `any` or `arrival`") end
  where(state).order = text
end

function words.only(state, text)
  if not text:match("^1: .") then fail(state, "expected `only 1: why`") end
  if not state.case then fail(state, "`only` outside a case") end
  state.case.parallelisms = { 1 }
end

function words.options(state, text) where(state).options = pairs_of(state, text) end

function words.watermark(state, text)
  local source, at = text:match("^(%a[%w_]*)%s+(%-?%d+)$")
  if not source then source, at = "", text:match("^%-?%d+$") end
  if not at then fail(state, "expected `watermark AT` or `watermark source AT`") end
  if source ~= "" and not find(state.case.sources, source) then fail(state, "no source " .. source) end
  add_step(state, { kind = "watermark", source = source ~= "" and source or nil, at = tonumber(at) })
end

function words.clock(state, text)
  if not tonumber(text) then fail(state, "expected `clock MS`") end
  add_step(state, { kind = "clock", at = tonumber(text) })
end

function words.idle(state, text)
  if not find(state.case.sources, text) then fail(state, ("no source %q"):format(text)) end
  add_step(state, { kind = "idle", source = text })
end

words["end"] = function(state, text)
  if text ~= "" and not find(state.case.sources, text) then fail(state, ("no source %q"):format(text)) end
  add_step(state, { kind = "end", source = text ~= "" and text or nil })
end

-- `restore`, `restore PARALLELISM`, `restore PARALLELISM MAX_PARALLELISM`
function words.restore(state, text)
  local parallelism, most = text:match("^(%d*)%s*(%d*)$")
  if not parallelism then fail(state, "expected `restore`, `restore PARALLELISM` or `restore PARALLELISM MAX_PARALLELISM`") end
  add_step(state, { kind = "restore", parallelism = tonumber(parallelism), max_parallelism = tonumber(most) })
end

function words.start(state, text)
  if text ~= "" then fail(state, "`start` stands alone") end
  add_step(state, { kind = "start" })
end

function words.fails(state, text)
  local code, part = text:match("^([%u_]+):?%s*(.*)$")
  if not code then fail(state, "expected `fails CODE: part of the message`") end
  if not state.step then add_step(state, { kind = "start" }) end
  state.step.fails = { code = code, part = part, line = state.line }
end

function words.state(state, text)
  local head, rest = subject(state, text)
  if #head ~= 2 then fail(state, "expected `state operator key: name=value ...`") end
  add_check(state, { kind = "state", operator = head[1], key = head[2], values = pairs_of(state, rest) })
end

-- `windows operator key: 0 10 {"told":1} ; 10 20`
function words.windows(state, text)
  local head, rest = subject(state, text)
  if #head ~= 2 then fail(state, "expected `windows operator key: start end state ; ...`") end
  add_check(state, { kind = "windows", operator = head[1], key = head[2], windows = rest == "none" and {} or rows_of(state, rest) })
end

-- `timers operator: 10 a, 20 a name, clock 30 b`
function words.timers(state, text)
  local head, rest = subject(state, text)
  local timers = {}
  if rest ~= "none" then
    for part in (rest .. ","):gmatch("%s*([^,]*),") do
      local row = rows_of(state, part)[1]
      local domain = "event"
      if row[1] == "clock" then
        domain = "processing"
        table.remove(row, 1)
      end
      if type(row[1]) ~= "number" or row[2] == nil then fail(state, "a timer is `at key name`: " .. part) end
      timers[#timers + 1] = { domain = domain, at = row[1], key = row[2], name = row[3] }
    end
  end
  add_check(state, { kind = "timers", operator = head[1], timers = timers })
end

function words.metrics(state, text)
  local head, rest = subject(state, text)
  add_check(state, { kind = "metrics", operator = head[1], values = pairs_of(state, rest) })
end

-- Says that no row comes, where nothing else is expected.
function words.nothing(state, text)
  if text ~= "" then fail(state, "`nothing` stands alone") end
  add_check(state, { kind = "nothing" })
end

-- `at operator: 9`: its watermark
function words.at(state, text)
  local head, rest = subject(state, text)
  add_check(state, { kind = "at", operator = head[1], at = tonumber(rest) })
end

-- `held operator: source`: what holds its watermark back
function words.held(state, text)
  local head, rest = subject(state, text)
  local source, more = rest:match("^([%w_]+)%s*(.*)$")
  add_check(state, { kind = "held", operator = head[1], source = source ~= "none" and source or nil, values = pairs_of(state, more) })
end

-- `< values`, `<source values`; `;` parts rows that come in one piece
words["<"] = function(state, name, text)
  steps(state)
  local source = name == "" and state.case.sources[1] or find(state.case.sources, name)
  if not source then fail(state, ("no source %q"):format(name)) end
  local rows = rows_of(state, text)
  for i, values in ipairs(rows) do rows[i] = row_of(state, source.fields, values, "the source") end
  add_step(state, { kind = "push", source = source.name, push = rows })
end

-- `> values`, `>sink values`
words[">"] = function(state, name, text)
  steps(state)
  if not state.step then fail(state, "an expectation before the first step") end
  local sink = name == "" and state.case.sinks[1] or find(state.case.sinks, name)
  if not sink then fail(state, ("no sink %q"):format(name)) end
  for _, values in ipairs(rows_of(state, text)) do
    state.step.rows[#state.step.rows + 1] = { line = state.line, sink = sink.name,
      row = row_of(state, sink.fields, values, "the sink") }
  end
end

local function line_of(state, line)
  if line:match("^%s*$") or line:match("^#") then return end
  if line:match("^|") then return words["|"](state, line:sub(3)) end
  local sign, name, text = line:match("^([<>])([%w_]*)%s*(.*)$")
  if sign then return words[sign](state, name, text) end
  local word, rest = line:match("^(%a+)%s*(.-)%s*$")
  if not word or not words[word] then fail(state, ("not understood: %s"):format(line)) end
  if word ~= "job" then state.lua = nil end
  words[word](state, rest)
end

-- A case stands for something: what it has not is told at its title.
local function finish(state)
  for _, case in ipairs(state.cases) do
    state.line = case.line
    if not case.rules then fail(state, "a case without a rule") end
    if not case.lua then fail(state, "a case without a job") end
    if #case.steps == 0 then fail(state, "a case without steps") end
    local expects = false
    for _, step in ipairs(case.steps) do
      if step.rows[1] or step.checks[1] or step.fails then expects = true end
    end
    if not expects then fail(state, "a case that expects nothing") end
  end
end

---Cases of a text: a list, or nil and `{ line =, what = }`.
function format.read(text)
  local state = { file = { sources = {}, sinks = {}, jobs = {}, order = "arrival" }, cases = {}, line = 0 }
  local ok, err = pcall(function()
    for line in (text:gsub("\n?$", "\n")):gmatch("(.-)\n") do
      state.line = state.line + 1
      line_of(state, line)
    end
    finish(state)
  end)
  if ok then return state.cases end
  if type(err) ~= "table" then error(err, 0) end
  return nil, err
end

---The Lua text of a case's job, each line of it at its line of the file: so messages have the right ones.
function format.job(case)
  local head = { 'local tm = require "tidemill" local from, sink = {}, {} ' }
  for _, s in ipairs(case.sources) do
    local fields = {}
    for i, f in ipairs(s.fields) do fields[i] = ("%s = %q"):format(f.name, f.type) end
    head[#head + 1] = ("from[%q] = function() return tm.from(tm.file { name = %q, path = %q, schema = tm.schema { %s } }) end "):format(
      s.name, s.name, s.name .. ".jsonl", table.concat(fields, ", "))
  end
  for _, s in ipairs(case.sinks) do
    if not s.side then head[#head + 1] = ("sink[%q] = tm.discard { name = %q } "):format(s.name, s.name) end
  end
  local text = table.concat(case.lua, "\n"):gsub("%$(%d)", function(n) return case.arguments[tonumber(n)] end)
  if text:find("%$%d") then return nil, "the job takes more arguments than it is given" end
  return ("\n"):rep(case.lua.line - 1) .. table.concat(head) .. text .. "\n"
end

return format
