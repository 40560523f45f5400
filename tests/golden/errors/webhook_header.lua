-- A header with a line end in it.
local tm = require "tidemill"
local S = tm.schema { user_id = "string", amount = "double" }
local rows = tm.from(tm.file { path = "in.jsonl", schema = S })
return rows:to(tm.webhook { url = "https://example.com/events", headers = { ["X-Key"] = "a\nb" } })
