-- An option of count_distinct that is the default.
local tm = require "tidemill"
local S = tm.schema { user = "string", item = "string", price = "decimal(10,2)", ts = "timestamp" }
local rows = tm.from(tm.file { path = "in.jsonl", format = "json", schema = S }):watermark("ts"):key_by("user"):window(tm.tumbling("1m"))
return rows:aggregate("m", { items = tm.count_distinct("item", { exact = true }) }):to(tm.print())
