-- A list's type with a limit.
local tm = require "tidemill"
local S = tm.schema { user = "string", item = "string", price = "decimal(10,2)", ts = "timestamp" }
local rows = tm.from(tm.file { path = "in.jsonl", format = "json", schema = S }):watermark("ts"):key_by("user"):window(tm.tumbling("1m"))
return tm.schema { tags = tm.list("string", { limit = 10 }) }
