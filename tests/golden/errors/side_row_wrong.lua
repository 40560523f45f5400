-- A side row whose value does not fit.
local tm = require "tidemill"
local S = { user_id = "string", amount = "double", n = "int" }
local rows = tm.from(tm.file { path = "in.jsonl", format = "json", schema = S })
local good = rows:filter(function(e, out) out("t", { x = e.n / 2 }) return true end)
return good:side("t"):returns { x = "int" }:to(tm.print())
