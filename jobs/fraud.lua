-- Fraud alerts: which users spent suspiciously in any ten minutes?
--
--   tidemill run fraud.lua                                             on transactions that it makes up
--   tidemill run fraud.lua --set input='transactions/*.jsonl'          on yours: one JSON object per line
--   tidemill run fraud.lua --set output=alerts.jsonl                   into a file
local tm = require "tidemill"

local Transaction = tm.schema {
  user_id = "string",
  amount = "decimal(10,2)", -- exact, unlike a double
  country = "string",
  ts = "timestamp", -- ms since 1970, or ISO 8601
}

local input = tm.arg("input", nil, "JSON Lines files of transactions; without it they are made up")
local output = tm.arg("output", nil, "a file for the alerts (.jsonl); without it they are printed")
local count = tm.arg("count", 200000, "how many transactions to make up")

-- Three hours of transactions, one every 50 ms. Ten thousand users; a few of them (by Zipf's law) are so busy that they
-- should raise an alert.
local made_up = tm.generate { count = count, seed = 1, fields = {
  user_id = tm.gen.pattern("u#####", { zipf = 0.6, distinct = 10000 }),
  amount = tm.gen.uniform(1, 500, "decimal(10,2)"),
  country = tm.gen.choice { "FR", "DE", "US", "GB", "ES", "IT", "PL", "NL" },
  ts = tm.gen.timestamp { start = "2026-01-01T00:00:00Z", step = "50ms", disorder = "4s" },
} }

-- From 0 (harmless) to 1, out of what is known of ten minutes. An ordinary Lua function: it is compiled into the job's
-- loop. Change the weights and run again.
local function score(w)
  local often = math.min(w.n / 60, 1)
  local much = math.min(w.total:tonumber() / 15000, 1) -- a decimal becomes a number on request, never by itself
  local moving = w.country ~= w.other_country and 1 or 0
  return 0.4 * often + 0.4 * much + 0.2 * moving
end

local transactions = tm.from(input and tm.file { path = input, format = "json", schema = Transaction } or made_up)
  -- Up to five seconds of disorder are waited for; an input that is silent for thirty holds nobody up.
  :watermark("ts", { out_of_order = "5s", idle = "30s" })

return transactions
  :key_by("user_id")
  -- Windows of ten minutes, a new one every minute: a transaction is in ten of them, and is added up once.
  :window(tm.sliding("10m", "1m"))
  :aggregate("spend", {
    n = tm.count(),
    total = tm.sum("amount"),
    average = tm.avg("amount"),
    smallest = tm.min("amount"),
    largest = tm.max("amount"),
    country = tm.min("country"),
    other_country = tm.max("country"), -- the first and the last by alphabet: they differ if there is more than one
  })
  :map(function(w) w.risk = score(w) return w end)
  :filter(function(w) return w.risk > 0.8 end)
  :to(output and tm.file { path = output, format = "json", if_exists = "replace" } or tm.print())
