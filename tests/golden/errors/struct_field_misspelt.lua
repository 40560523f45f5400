-- A misspelt field of a struct.
local tm = require "tidemill"
local S = tm.schema { id = "int", at = "timestamp", price = "decimal(10,2)", tags = tm.list("string"), stock = tm.map("string", "int"),
  place = { city = "string", zip = "string" } }
local rows = tm.from(tm.stdin { format = "json", schema = S })
return rows:map(function(e) return { town = e.place.town } end):to(tm.print())
