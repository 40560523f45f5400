-- Random jobs against the model: ORACLE_SEEDS of them from ORACLE_FROM on (tidemill test tests/oracle/jobs_spec.lua).
local case = require "tests.oracle.case"

local from = tonumber(os.getenv("ORACLE_FROM") or 1)
local count = tonumber(os.getenv("ORACLE_SEEDS") or 50)
local way = os.getenv("ORACLE_WAY") or "kit"
local runner = require("tests.oracle.by_" .. way)

describe("a random job gives what the model gives:", function()
  for seed = from, from + count - 1 do
    it("seed " .. seed, function()
      local c = case.draw(seed, way)
      local why = runner.differs(c)
      if why then error(case.show(c) .. "\n" .. why, 0) end
    end)
  end
end)
