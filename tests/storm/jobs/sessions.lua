-- Sessions in a folder of part files and sliding windows in one file; nothing is late, so each of them gives one row.
local tm = require "tidemill"
local input = require "input"

local job = tm.job("sessions", input.options)
local records = job:from(input.file)
  :watermark("ts", { out_of_order = "2s" })
  :filter(function(e) return input.spend(e) == 0 end)
records:key_by("key")
  :window(tm.session("2s"))
  :aggregate("visits", { n = tm.count(), total = tm.sum("value"), first = tm.min("seq"), last = tm.max("seq") })
  :to(tm.file { path = "out", format = "json" })
records:key_by("source")
  :window(tm.sliding("20s", "5s"))
  :aggregate("twenties", { n = tm.count(), total = tm.sum("value") })
  :to(tm.file { path = "twenties.jsonl" })
return job
