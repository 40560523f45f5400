-- The loops of generated chunks are compiled, and stay so: half of the cases, and what is no loop.
local cases = require "tests.spec.codegen.trace_cases"

describe("the loop of", function()
  cases.loops_from({ it = it, before_each = before_each }, 1)
  cases.usual_rows(it)
end)

describe("user code that cannot compile", function() cases.interpreted(it) end)
