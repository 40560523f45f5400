-- Every case of tests/golden/cases is a test of busted's; run by `tidemill test` from the root of the repository. Prints
-- `case ok|FAILED what`, a line each, for tests/functional/test_cases. TIDEMILL_CASES: parts of paths or titles, a line each;
-- TIDEMILL_CASES_AT: a parallelism, and no other.
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

local function at_all_parallelisms(path, case)
  local only = tonumber(os.getenv("TIDEMILL_CASES_AT"))
  for _, parallelism in ipairs(case.parallelisms) do
    local wrong = (only == nil or only == parallelism) and run.case(tm.test, case, parallelism, path)
    if wrong then
      return ("%s:%d: %s: %s (at parallelism %d; %s)"):format(path, wrong.line, case.title, wrong.what, parallelism, case.rules[1])
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
