-- A socket, of which a schema is to be inferred.
local tm = require "tidemill"
return tm.from(tm.socket { port = 9, format = "json" }):to(tm.print())
