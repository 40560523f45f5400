-- Event time of records that have no columns.
local tm = require "tidemill"
return tm.from(tm.stdin { format = "json", schema = "any" }):watermark("ts"):to(tm.print())
