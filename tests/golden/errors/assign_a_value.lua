-- A value where a function belongs.
local tm = require "tidemill"
local S = tm.schema { user_id = "string", amount = "double" }
local rows = tm.from(tm.file { path = "in.jsonl", schema = S })
return rows:assign { currency = "EUR" }:to(tm.print())
