-- More requests at once than there may be.
local tm = require "tidemill"
local S = tm.schema { user_id = "string", amount = "double" }
local rows = tm.from(tm.file { path = "in.jsonl", schema = S })
return rows:to(tm.webhook { url = "https://example.com/events", in_flight = 100 })
