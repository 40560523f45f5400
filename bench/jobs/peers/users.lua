-- Records per user, from JSON Lines. --set input=GLOB --set output=PATH
local tm = require "tidemill"

local Payment = tm.schema {
  user_id = "string", amount = "double", country = "string", ts = "timestamp", note = "string",
}

return tm.from(tm.file { path = tm.arg("input"), format = "json", schema = Payment })
  :key_by("user_id")
  :count { as = "n", emit = "final" }
  :to(tm.file { path = tm.arg("output"), format = "csv", if_exists = "replace" })
