-- A result for the end of an input that has none.
local tm = require "tidemill"
return tm.from(tm.generate { fields = { user_id = tm.gen.pattern("u##") } })
  :key_by("user_id"):count { emit = "final" }:to(tm.print())
