-- What was paid in each country, from CSV. --set input=GLOB --set output=PATH
local tm = require "tidemill"

local Payment = tm.schema {
  user_id = "string", amount = "double", country = "string", ts = "timestamp", note = "string",
}

return tm.from(tm.file { path = tm.arg("input"), format = "csv", schema = Payment })
  :key_by("country")
  :sum("amount", { as = "total", emit = "final" })
  :to(tm.file { path = tm.arg("output"), format = "csv", if_exists = "replace" })
