-- A required column that the header of a CSV file does not have.
local tm = require "tidemill"
local S = { id = "int", amount = { "double", required = true } }
return tm.from(tm.file { path = "orders.csv", format = "csv", schema = S }):to(tm.print())
