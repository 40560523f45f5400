-- An error that the job's own code raises.
local tm = require "tidemill"
local S = tm.schema { user_id = "string", amount = "double" }
local function fee(amount)
  if amount == nil then error("no amount, so no fee") end
  return amount * 0.01
end
return tm.from(tm.file { path = "in.jsonl", format = "json", schema = S })
  :assign { fee = function(e) return fee(e.amount) end }
  :to(tm.print())
