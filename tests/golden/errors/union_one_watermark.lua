-- A union of a stream with a watermark and one without.
local tm = require "tidemill"
local schema = tm.schema { id = "int", ts = "timestamp" }
local a = tm.from(tm.file { path = "in.jsonl", format = "json", schema = schema, name = "a" }):watermark("ts")
local b = tm.from(tm.file { path = "in.jsonl", format = "json", schema = schema, name = "b" })
return a:union(b):to(tm.print())
