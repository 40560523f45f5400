-- What does each customer spend in each minute?
--
--   tidemill run minute_totals.lua                                     on data that it makes up
--   tidemill run minute_totals.lua --set input='sales/*.jsonl'         on yours: one JSON object per line
--   tidemill run minute_totals.lua --set output=totals.jsonl           into a file
local tm = require "tidemill"

-- The fields of a record that the job uses, with their types. Other fields may be there; they are not looked at.
local Sale = tm.schema {
  customer_id = "string",
  amount = "decimal(10,2)", -- exact: money is never rounded
  items = "int",
  ts = "timestamp", -- when it happened: ms since 1970, or 2026-01-01T12:00:00Z
}

local input = tm.arg("input", nil, "JSON Lines files of sales; without it sales are made up")
local output = tm.arg("output", nil, "a file for the totals (.jsonl); without it they are printed")
local count = tm.arg("count", 300000, "how many sales to make up")

-- A generator is a source like any other. Row i is the same in every run and at every parallelism.
local made_up = tm.generate { count = count, seed = 7, fields = {
  customer_id = tm.gen.pattern("c####", { zipf = 0.9, distinct = 2000 }), -- a few buy often, most seldom
  amount = tm.gen.uniform(1, 250, "decimal(10,2)"),
  items = tm.gen.uniform(1, 12, "int"),
  ts = tm.gen.timestamp { start = "2026-01-01T00:00:00Z", step = "5ms", disorder = "2s" },
} }

return tm.from(input and tm.file { path = input, format = "json", schema = Sale } or made_up)
  -- Records come a little out of order. A minute is complete once a sale came that is two seconds past its end; a sale
  -- of a minute that is complete is late: it is counted in the report, and not in the totals.
  :watermark("ts", { out_of_order = "2s" })
  :key_by("customer_id")
  :window(tm.tumbling("1m"))
  :aggregate("minute totals", { sales = tm.count(), total = tm.sum("amount"), items = tm.sum("items") })
  :to(output and tm.file { path = output, format = "json", if_exists = "replace" } or tm.print())
