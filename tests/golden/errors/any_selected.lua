-- Columns of records that have none.
local tm = require "tidemill"
return tm.from(tm.stdin { format = "json", schema = "any" }):select("id"):to(tm.print())
