-- A webhook sends; it does not receive.
local tm = require "tidemill"
return tm.from(tm.webhook { url = "https://example.com/events" }):to(tm.print())
