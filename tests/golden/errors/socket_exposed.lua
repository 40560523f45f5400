-- An address that others can reach.
local tm = require "tidemill"
return tm.from(tm.socket { host = "0.0.0.0", port = 9000, listen = true }):to(tm.print())
