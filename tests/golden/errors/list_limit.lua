-- A list of no values.
local tm = require "tidemill"
local S = tm.schema { user = "string", item = "string", price = "decimal(10,2)", ts = "timestamp" }
local rows = tm.from(tm.file { path = "in.jsonl", format = "json", schema = S }):watermark("ts"):key_by("user"):window(tm.tumbling("1m"))
return rows:aggregate("m", { items = tm.list("item", { limit = 0 }) }):to(tm.print())
