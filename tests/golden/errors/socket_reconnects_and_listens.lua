-- Only who connects can connect again.
local tm = require "tidemill"
return tm.from(tm.socket { port = 9000, listen = true, reconnect = true }):to(tm.print())
