-- What `require "tidemill"` is in a spec: tm.test.
local engine = require "kit.engine"
local json = require "kit.json"
local test = require "kit.test"

local tm = { null = require "kit.null", array = json.array, test = test.new }

engine.set_null(tm.null)
require("kit.asserts").register()

return tm
