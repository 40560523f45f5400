-- The other half of the cases of trace_spec.lua.
local cases = require "tests.spec.codegen.trace_cases"

describe("the loop of", function() cases.loops_from({ it = it, before_each = before_each }, 2) end)
