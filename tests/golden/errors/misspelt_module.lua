-- The module's own name misspelt.
local tm = require "tidemil"
return tm.from(tm.lines()):to(tm.print())
