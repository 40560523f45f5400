-- A decimal as the key of a table.
local tm = require "tidemill"
local S = tm.schema { id = "int", at = "timestamp", price = "decimal(10,2)", tags = tm.list("string"), stock = tm.map("string", "int"),
  place = { city = "string", zip = "string" } }
local rows = tm.from(tm.stdin { format = "json", schema = S })
local seen = {}
return rows:filter(function(e) return seen[e.price] == nil end):to(tm.print())
