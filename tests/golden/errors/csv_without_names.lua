-- CSV without a header, of which a schema is to be inferred.
local tm = require "tidemill"
return tm.from(tm.stdin { format = tm.csv { header = false } }):to(tm.print())
