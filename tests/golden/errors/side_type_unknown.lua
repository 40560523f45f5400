-- A side row whose type nobody knows.
local tm = require "tidemill"
local S = { user_id = "string", amount = "double", n = "int" }
local rows = tm.from(tm.file { path = "in.jsonl", format = "json", schema = S })
local any = setmetatable({}, { __index = function() return 1 end })
local good = rows:filter(function(e, out) out("t", { x = any.x }) return true end)
return good:side("t"):to(tm.print())
