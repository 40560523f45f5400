-- Records that come twice: the first of them goes on, into one packed file, and the five greatest of each key into a folder.
local tm = require "tidemill"
local input = require "input"

local job = tm.job("firsts", input.options)
local firsts = job:from(input.file)
  :filter(function(e) return input.spend(e) == 0 end)
  :key_by("key")
  :dedup("seq")
firsts:to(tm.file { path = "out.jsonl.gz" })
firsts:key_by("key")
  :top(5, "value", { emit = "final", rank = "place", name = "greatest" })
  :to(tm.file { path = "top", format = "json" })
return job
