-- A sum over records that have no columns.
local tm = require "tidemill"
return tm.from(tm.stdin { format = "json", schema = "any" }):key_by("id"):sum("amount"):to(tm.print())
