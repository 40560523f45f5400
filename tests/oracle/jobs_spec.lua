-- Random jobs against the model: ORACLE_SEEDS of them from ORACLE_FROM on (tidemill test tests/oracle/jobs_spec.lua).
local case = require "tests.oracle.case"
local shrink = require "tests.oracle.shrink"

local from = tonumber(os.getenv("ORACLE_FROM") or 1)
local count = tonumber(os.getenv("ORACLE_SEEDS") or 50)
local way = os.getenv("ORACLE_WAY") or "kit"
local runner = require("tests.oracle.by_" .. way)

describe("a random job gives what the model gives:", function()
  for seed = from, from + count - 1 do
    it("seed " .. seed, function()
      local c = case.draw(seed, way)
      local why = runner.differs(c)
      if why then
        local first = why
        c, why = shrink.shrink(c, why, runner.differs)
        error(("%s\n%s\nbefore it was made smaller: %s\nagain: ORACLE_WAY=%s ORACLE_FROM=%d ORACLE_SEEDS=1"):format(case.show(c), why, first, way,
          seed), 0)
      end
    end)
  end
end)
