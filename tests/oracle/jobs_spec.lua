-- Random jobs against the model: ORACLE_SEEDS of them from ORACLE_FROM on, by the way of ORACLE_WAY. tests/oracle/run starts it.
local case = require "tests.oracle.case"
local shrink = require "tests.oracle.shrink"

local from = tonumber(os.getenv("ORACLE_FROM") or 1)
local count = tonumber(os.getenv("ORACLE_SEEDS") or 50)
local way = os.getenv("ORACLE_WAY") or "kit"
local runner = require("tests.oracle.by_" .. way)

local FOUND = [[

%s
%s
before it was made smaller: %s
again: tests/oracle/run --way %s --from %d --seeds 1]]

-- For whoever finds the process dead.
local function note(seed)
  local path = os.getenv("ORACLE_NOW")
  if not path then return end
  local file = assert(io.open(path, "w"))
  file:write(seed, "\n")
  file:close()
end

describe("a random job gives what the model gives:", function()
  for seed = from, from + count - 1 do
    it("seed " .. seed, function()
      note(seed)
      local c = case.draw(seed, way)
      if os.getenv("ORACLE_SHOW") then
        print(case.show(c))
        return
      end
      local why = runner.differs(c)
      if not why then return end
      io.stdout:write("job FAILED: seed ", seed, "\n") -- at once, for whoever looks no further
      io.stdout:flush()
      local first = why
      c, why = shrink.shrink(c, why, runner.differs, tonumber(os.getenv("ORACLE_TRIES")))
      error(FOUND:format(case.show(c), why, first, way, seed), 0)
    end)
  end
end)
