-- A socket without its port.
local tm = require "tidemill"
return tm.from(tm.socket { listen = true }):to(tm.print())
