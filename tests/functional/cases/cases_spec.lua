-- Every case of tests/golden/cases is a test of busted's; run by `tidemill test` from the root of the repository. Prints
-- `case ok|FAILED what`, a line each, for tests/functional/test_cases. TIDEMILL_CASES: parts of paths or titles, a line each;
-- TIDEMILL_CASES_AT: a parallelism, and no other. TIDEMILL_CASES_CUT: `none`, `every` or `drawn`, and no other: does the job begin
-- again from a checkpoint, never, behind every step, or behind some with other numbers of subtasks and key groups, which follow
-- from TIDEMILL_CASES_SEED. Not given: the first, and for every fourth case, which the seed draws too, the last; all of them
-- restored took two times as long as without.
local tm = require "tidemill"
local format = require "tests.functional.cases.format"
local run = require "tests.functional.cases.run"

local function files()
  local list = {}
  local pipe = assert(io.popen("find tests/golden/cases -name '*.case' | LC_ALL=C sort"))
  for path in pipe:lines() do list[#list + 1] = path end
  pipe:close()
  return list
end

local function read(path)
  local file = assert(io.open(path))
  local text = file:read("*a")
  file:close()
  return text
end

local function wanted(name)
  local any = false
  for part in (os.getenv("TIDEMILL_CASES") or ""):gmatch("[^\n]+") do
    if name:find(part, 1, true) then return true end
    any = true
  end
  return not any
end

-- One line: messages of the engine have several.
local function say(how, what)
  io.stdout:write("case ", how, " ", (what:gsub("\n", " / ")), "\n")
  io.stdout:flush()
end

local function test(name, fn)
  it(name, function()
    local wrong = fn()
    say(wrong and "FAILED" or "ok", wrong or name)
    if wrong then error(wrong, 0) end
  end)
end

local SEED = tonumber(os.getenv("TIDEMILL_CASES_SEED")) or 1
local MOST = { 64, 128, 1024 } -- key groups

-- Numbers that follow from the seed, the case and the step.
local function draw(path, case, step, below)
  local h = SEED
  for _, n in ipairs { #path, path:byte(-6), case.line, step, below } do h = (h * 69069 + n * 1103 + 12345) % 2 ^ 31 end
  return math.floor(h / 64) % below
end

local function some(path, case)
  return function(step, parallelism)
    if draw(path, case, step, 3) ~= 0 then return nil end
    local subtasks = parallelism == 1 and 1 or 1 + draw(path, case, step + 1000, 3)
    return { parallelism = subtasks, max_parallelism = MOST[1 + draw(path, case, step + 2000, 3)] }
  end
end

local function always() return true end
local function never() return false end
local function one_in_four(path, case) return draw(path, case, 0, 4) == 0 end

local CUTS = {
  { name = "none", default = always, cuts = function() end },
  { name = "every", default = never, cuts = function() return function() return {} end end, what = ", restored behind every step" },
  { name = "drawn", default = one_in_four, cuts = some, what = (", restored behind steps that seed %d has drawn"):format(SEED) },
}

local function at_all_parallelisms(path, case)
  local only, only_cut = tonumber(os.getenv("TIDEMILL_CASES_AT")), os.getenv("TIDEMILL_CASES_CUT")
  for _, parallelism in ipairs(case.parallelisms) do
    for _, cut in ipairs(CUTS) do
      local runs = only == nil or only == parallelism
      if only_cut then runs = runs and only_cut == cut.name else runs = runs and cut.default(path, case) end
      if case.uncut and cut.name ~= "none" then runs = false end
      local wrong = runs and run.case(tm.test, case, parallelism, path, cut.cuts(path, case))
      if wrong then
        return ("%s:%d: %s: %s (at parallelism %d%s; %s)"):format(path, wrong.line, case.title, wrong.what, parallelism,
          cut.what or "", case.rules[1])
      end
    end
  end
end

describe("case", function()
  teardown(function() say("end", "") end)
  for _, path in ipairs(files()) do
    local cases, wrong = format.read(read(path))
    if not cases then test(path, function() return ("%s:%d: %s"):format(path, wrong.line, wrong.what) end) end
    for _, case in ipairs(cases or {}) do
      local name = ("%s:%d: %s"):format(path, case.line, case.title)
      if wanted(name) then test(name, function() return at_all_parallelisms(path, case) end) end
    end
  end
end)
