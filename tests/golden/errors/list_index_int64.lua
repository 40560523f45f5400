-- An int64 as the index of a list.
local tm = require "tidemill"
local rows = tm.from(tm.stdin { format = "json", schema = { l = "list(int)", i = "int64" } })
return rows:map(function(e) return { x = e.l[e.i] } end):to(tm.print())
