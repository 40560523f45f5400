-- A file that is not there, of no known format: what is missing is said first.
local tm = require "tidemill"
return tm.from(tm.file { path = "ok.lu" })
