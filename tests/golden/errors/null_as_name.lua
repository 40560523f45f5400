-- tm.null where a name belongs.
local tm = require "tidemill"
local S = tm.schema { user_id = "string", amount = "double" }
local rows = tm.from(tm.file { path = "in.jsonl", schema = S })
return rows:key_by(tm.null):count():to(tm.print())
