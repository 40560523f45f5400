-- Runs a case of a case file on the test kit: steps one after the other, and after each of them what came out of the job must be
-- what the case says, no more and no less.
local format = require "tests.functional.cases.format"
local json = require "tests.functional.cases.json"

local run = {}

local function fail(line, what, ...) error({ line = line, what = what:format(...) }, 0) end

-- --- values
-- ----------------------------------------------------------------------------------------------------------------------

local same

local function same_table(expected, actual)
  if type(actual) ~= "table" then return false end
  for k, v in pairs(expected) do if not same(v, actual[k]) then return false end end
  for k in pairs(actual) do if expected[k] == nil then return false end end
  return true
end

-- 64-bit values are compared by their text.
function same(expected, actual)
  if expected == json.null then return actual == nil or tostring(actual) == "null" end
  if type(expected) == "table" then return same_table(expected, actual) end
  if type(expected) == type(actual) then return expected == actual end
  if type(actual) ~= "cdata" then return false end
  return tostring(actual):gsub("LL$", "") == tostring(expected)
end

local function show(value)
  if type(value) == "string" then return value:find("^[%w_.:+-]+$") and not tonumber(value) and value or ("%q"):format(value) end
  if type(value) == "number" and value == math.floor(value) and math.abs(value) < 2 ^ 53 then return ("%.0f"):format(value) end
  if type(value) ~= "table" or value == json.null then return value == nil and "null" or tostring(value) end
  local parts = {}
  for k, v in pairs(value) do parts[#parts + 1] = type(k) == "number" and show(v) or ("%s=%s"):format(tostring(k), show(v)) end
  table.sort(parts)
  return "{" .. table.concat(parts, " ") .. "}"
end

local function show_row(sink, row)
  local parts, known = {}, {}
  for i, f in ipairs(sink.fields) do parts[i], known[f.name] = show(row[f.name]), true end
  for name, value in pairs(row) do if not known[name] then parts[#parts + 1] = ("%s=%s"):format(tostring(name), show(value)) end end
  return (">%s %s"):format(sink.name, table.concat(parts, " "))
end

-- --- rows
-- ----------------------------------------------------------------------------------------------------------------------

-- Both lists in their order: the first place where they differ.
local function in_order(sink, step, expected, actual)
  for i, e in ipairs(expected) do
    if not actual[i] then fail(e.line, "expected %s, and nothing came", show_row(sink, e.row)) end
    if not same(e.row, actual[i]) then fail(e.line, "expected %s, got %s", show_row(sink, e.row), show_row(sink, actual[i])) end
  end
  local more = actual[#expected + 1]
  if more then fail(step.line, "not expected: %s", show_row(sink, more)) end
end

-- Both lists as multisets.
local function in_any_order(sink, step, expected, actual)
  local used = {}
  for _, e in ipairs(expected) do
    local found
    for i, row in ipairs(actual) do
      if not used[i] and same(e.row, row) then found = i break end
    end
    if not found then
      local all = {}
      for i, row in ipairs(actual) do all[i] = show_row(sink, row) end
      fail(e.line, "expected %s, which is not among %s", show_row(sink, e.row), all[1] and table.concat(all, ", ") or "no rows")
    end
    used[found] = true
  end
  for i, row in ipairs(actual) do if not used[i] then fail(step.line, "not expected: %s", show_row(sink, row)) end end
end

local function compare_rows(t, case, step, ordered)
  local compare = ordered and case.order == "arrival" and in_order or in_any_order
  for _, sink in ipairs(case.sinks) do
    local expected = {}
    for _, e in ipairs(step.rows) do if e.sink == sink.name then expected[#expected + 1] = e end end
    compare(sink, step, expected, t:take(sink.take, { order = "arrival" }))
  end
end

-- --- what is inside
-- ----------------------------------------------------------------------------------------------------------------------

local checks = {}

function checks.nothing() end -- rows that are not expected have been told

function checks.state(t, check)
  local actual = t:state(check.operator, check.key)
  for name, value in pairs(check.values) do
    if not same(value, actual[name]) then fail(check.line, "state %s: expected %s, got %s", name, show(value), show(actual[name])) end
  end
  for name, value in pairs(actual) do
    if check.values[name] == nil then fail(check.line, "state %s: expected none, got %s", name, show(value)) end
  end
end

-- Bounds, and where the function behind the windows has states of them, these.
function checks.windows(t, check)
  local actual = t:windows(check.operator, check.key)
  for i = 1, math.max(#actual, #check.windows) do
    local window, expected = actual[i] or {}, check.windows[i] or {}
    local given = { window.window_start, window.window_end, window.state and next(window.state) and window.state or nil }
    if not same(expected, given) then fail(check.line, "window %d: expected %s, got %s", i, show(expected), show(given)) end
  end
end

local function show_timer(timer)
  return ("%s%s %s%s"):format(timer.domain == "processing" and "clock " or "", show(timer.at), show(timer.key),
    timer.name and timer.name ~= "" and " " .. timer.name or "")
end

function checks.timers(t, check)
  local expected, actual = {}, {}
  for i, timer in ipairs(check.timers) do expected[i] = show_timer(timer) end
  for i, timer in ipairs(t:timers(check.operator)) do actual[i] = show_timer(timer) end
  table.sort(expected)
  table.sort(actual)
  local e, a = table.concat(expected, ", "), table.concat(actual, ", ")
  if e ~= a then fail(check.line, "timers: expected %s, got %s", e == "" and "none" or e, a == "" and "none" or a) end
end

function checks.metrics(t, check)
  local actual = t:metrics(check.operator)
  for name, value in pairs(check.values) do
    if not same(value, actual[name]) then fail(check.line, "%s: expected %s, got %s", name, show(value), show(actual[name])) end
  end
end

function checks.at(t, check)
  local actual = t:watermark(check.operator)
  if actual ~= check.at then fail(check.line, "watermark: expected %s, got %s", show(check.at), show(actual)) end
end

function checks.held(t, check)
  local _, by = t:watermark(check.operator)
  if (by and by.source) ~= check.source then
    fail(check.line, "held by: expected %s, got %s", show(check.source), show(by and by.source))
  end
  for name, value in pairs(check.values) do
    if not same(value, by[name]) then fail(check.line, "held: %s: expected %s, got %s", name, show(value), show(by[name])) end
  end
end

-- --- steps
-- ----------------------------------------------------------------------------------------------------------------------

local acts = {}

function acts.start() end

-- null is a field that is missing.
function acts.push(t, step)
  local rows = {}
  for i, row in ipairs(step.push) do
    rows[i] = {}
    for k, v in pairs(row) do if v ~= json.null then rows[i][k] = v end end
  end
  t:push(step.source, rows)
end

function acts.watermark(t, step) t:advance_watermark(step.at, step.source) end

function acts.clock(t, step) t:advance_clock(step.at - t:now()) end

function acts.idle(t, step) t:idle(step.source) end

function acts.restore(t, step) t:snapshot_and_restore { parallelism = step.parallelism, max_parallelism = step.max_parallelism } end

acts["end"] = function(t, step) t:finish(step.source) end

-- Codes by name, as messages show them: ARGUMENT is TM0304.
local codes

local function code_of(name)
  if not codes then
    codes = {}
    for line in io.lines("core/base/errors.def") do
      local known, number = line:match("^TM_ERROR%(([%w_]+), (%d+),")
      if known then codes[known] = ("TM%04d"):format(tonumber(number)) end
    end
  end
  return codes[name]
end

-- A step that must fail: with the code, and the words, that the case names.
local function failed(step, err)
  local text = tostring(err)
  if not step.fails then fail(step.line, "failed: %s", text) end
  local code = code_of(step.fails.code)
  if not code then fail(step.fails.line, "there is no code %s", step.fails.code) end
  if not text:find(code, 1, true) then fail(step.fails.line, "expected %s (%s), failed with: %s", code, step.fails.code, text) end
  if not text:find(step.fails.part, 1, true) then fail(step.fails.line, "expected words %q in: %s", step.fails.part, text) end
end

-- The job begins again from a checkpoint behind a step. Nothing comes of that; one that cannot be taken now changes nothing.
local function cut(t, case, step, options)
  local ok, err = pcall(t.snapshot_and_restore, t, options)
  if not ok and not tostring(err):find(code_of("CHECKPOINT_DECLINED"), 1, true) then
    fail(step.line, "restored behind this step: %s", tostring(err))
  end
  for _, sink in ipairs(case.sinks) do
    local row = t:take(sink.take, { order = "arrival" })[1]
    if row then fail(step.line, "restored behind this step: not expected: %s", show_row(sink, row)) end
  end
end

local function steps(case, start, parallelism, cuts)
  local t
  local ordered = parallelism == 1
  for i, step in ipairs(case.steps) do
    local ok, err = pcall(function()
      t = t or start()
      acts[step.kind](t, step)
    end)
    if not ok then
      failed(step, err)
      return t
    end
    if step.fails then fail(step.fails.line, "expected %s, and nothing failed", step.fails.code) end
    compare_rows(t, case, step, ordered)
    local options = cuts and cuts(i, parallelism)
    if options then
      cut(t, case, step, options)
      ordered = ordered and not options.max_parallelism -- it is the order of keys
    end
    for _, check in ipairs(step.checks) do checks[check.kind](t, check) end
  end
  return t
end

---Runs a case: nothing, or `{ line =, what = }` of the first difference. `test` is tm.test; `path` is what messages call the job.
---@param cuts? fun(step: integer, parallelism: integer): table? options of a restore behind the step; nil: none there
function run.case(test, case, parallelism, path, cuts)
  local text, wrong = format.job(case)
  if not text then return { line = case.line, what = wrong } end
  local options = { parallelism = parallelism }
  for k, v in pairs(case.options or {}) do options[k] = v end
  local t
  local ok, err = pcall(steps, case, function()
    t = test({ code = text, path = path }, options)
    return t
  end, parallelism, cuts)
  if t then pcall(t.close, t) end
  if ok then return nil end
  if type(err) ~= "table" or not err.line then return { line = case.line, what = tostring(err) } end
  return err
end

return run
