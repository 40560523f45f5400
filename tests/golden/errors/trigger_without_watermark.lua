-- A trigger of event time without a watermark.
local tm = require "tidemill"
local S = tm.schema { user = "string", amount = "int", ts = "timestamp" }
return tm.from(tm.file { path = "none.jsonl", schema = S }):key_by("user"):window(tm.global())
  :trigger(tm.trigger.continuous_event_time("1m")):aggregate("totals", { n = tm.count() }):to(tm.print())
