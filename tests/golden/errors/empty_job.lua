-- A job without a source.
local tm = require "tidemill"
local job = tm.job("billing")
return job
