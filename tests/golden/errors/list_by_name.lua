-- A list has no names.
local tm = require "tidemill"
local S = tm.schema { id = "int", at = "timestamp", price = "decimal(10,2)", tags = tm.list("string"), stock = tm.map("string", "int"),
  place = { city = "string", zip = "string" } }
local rows = tm.from(tm.stdin { format = "json", schema = S })
return rows:filter(function(e) return e.tags.first == "new" end):to(tm.print())
