-- What `require "tidemill"` is in a spec: tm.test, and what builds jobs for it.
local engine = require "kit.engine"
local json = require "kit.json"
local program = require "kit.program"
local test = require "kit.test"

local tm = setmetatable({ null = require "kit.null", array = json.array, test = test.new }, {
  __index = function(_, name) return program.root[name] end, -- what builds a job is recorded
})

program.tm = tm
engine.set_null(tm.null)
require("kit.asserts").register()

return tm
