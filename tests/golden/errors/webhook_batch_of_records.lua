-- One record a request, and a batch.
local tm = require "tidemill"
local S = tm.schema { user_id = "string", amount = "double" }
local rows = tm.from(tm.file { path = "in.jsonl", schema = S })
return rows:to(tm.webhook { url = "https://example.com/events", body = "record", batch = 50 })
