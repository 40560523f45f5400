-- Too little memory for Lua.
local tm = require "tidemill"
local job = tm.job("small", { lua_memory = "1MB" })
return job:from(tm.lines()):to(tm.print())
