-- What the jobs have in common: the records, and how often checkpoints are taken.
local tm = require "tidemill"

local Record = tm.schema {
  source = "int64", seq = "int64", key = "string", key_seq = "int64", ts = "timestamp", value = "int64", crc = "int64", pad = "string",
}
local interval = tm.arg("interval", "20ms", "between two checkpoints")
local retain = tm.arg("retain", 2, "checkpoints that are kept")
local aligned = tm.arg("aligned", "5s", "how long barriers wait for rows; never: for ever")
local spin = tm.arg("spin", 400, "rounds of work for each record: kills are to find the job at work")
local restart = tm.arg("restart", "fixed", "what happens when the job fails: fixed, rate, exponential, none")

local fails = tm.arg("fails", 0, "in so many of 499 milliseconds records fail; 0: in none")

local strategies = {
  fixed = { strategy = "fixed", delay = "5ms" },
  rate = { strategy = "rate", delay = "5ms", failures = 2 },
  exponential = { strategy = "exponential", delay = "50ms" },
  none = "none",
}

-- Work that cannot be left out, of a record that is as large as it says: always 0.
local function spend(e)
  local x = tonumber(e.value) + (e.pad == "" and 1 or 0)
  for i = 1, spin do x = (x * 31 + i) % 65521 end
  return x < 0 and 1 or 0
end

-- A record fails by the time at which it comes, and no more when it comes again.
local function fail(now)
  if fails > 0 and now % 499 < fails then error("as the storm wants it") end
end

return {
  fail = fail,
  file = tm.file { path = "in/*.jsonl", format = "json", schema = Record },
  options = {
    restart = strategies[restart],
    checkpoint = { interval = interval, retain = retain, aligned_timeout = aligned ~= "never" and aligned },
  },
  spend = spend,
}
