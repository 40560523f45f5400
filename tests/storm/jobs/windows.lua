-- Tumbling windows with late records in one file: the last row of a window is what it holds.
local tm = require "tidemill"
local input = require "input"

local job = tm.job("windows", input.options)
job:from(input.file)
  :watermark("ts", { out_of_order = "2s" })
  :filter(function(e) return input.spend(e) == 0 end)
  :key_by("key")
  :window(tm.tumbling("10s")):allowed_lateness("5s")
  :aggregate("tens", { n = tm.count(), total = tm.sum("value") })
  :to(tm.file { path = "tens.jsonl" })
return job
