-- A filter and a computed column, CSV to CSV. --set input=GLOB --set output=PATH
local tm = require "tidemill"

local Payment = tm.schema {
  user_id = "string", amount = "double", country = "string", ts = "timestamp", note = "string",
}

return tm.from(tm.file { path = tm.arg("input"), format = "csv", schema = Payment })
  :filter(function(e) return e.amount >= 50 and e.country ~= "US" end)
  :map(function(e)
    return { user_id = e.user_id, country = e.country, amount = e.amount, fee = math.floor(e.amount * 2.9 + 30.5) / 100 }
  end)
  :to(tm.file { path = tm.arg("output"), format = "csv", if_exists = "replace" })
