---@meta tidemill
-- What the fields of tm.generate can be: tm.gen.

-- # generated: Made-up fields
-- What the fields of `tm.generate` can be.

---What one of these functions gives. The examples stand in
---
---    tm.from(tm.generate { count = 3, seed = 1, fields = { ... } })
---@class tidemill.GeneratedField

---@class tidemill.gen
local gen = {}

---Evenly between two bounds, both included.
---
---    amount = tm.gen.uniform(1, 500, "decimal(10,2)")
---    --> {"amount":386.08}
---    --> {"amount":490.47}
---    --> {"amount":328.33}
---@param min number
---@param max number
---@param options? tidemill.type|{ type: tidemill.type?, nulls: number? } type: double (default), int, int64 or decimal(p,s); nulls: share of the rows without a value
---@return tidemill.GeneratedField
function gen.uniform(min, max, options) end

---Normally distributed around a mean. What falls outside of min and max is put on them.
---
---    height = tm.gen.normal(170, 10, { min = 100, max = 230, type = "int" })
---    --> {"height":153}
---    --> {"height":195}
---    --> {"height":185}
---@param mean number
---@param stddev number
---@param options? tidemill.type|{ type: tidemill.type?, min: number?, max: number?, nulls: number? } type: double (default), int, int64 or a decimal of up to 15 digits
---@return tidemill.GeneratedField
function gen.normal(mean, stddev, options) end

---Whole numbers from `start` (default 0) on: number n comes 1/n^zipf as often as the first.
---
---    product = tm.gen.zipf { distinct = 1000, zipf = 1.1 }
---    --> {"product":1}
---    --> {"product":0}
---    --> {"product":3}
---@param options { distinct: integer, zipf: number?, start: integer?, nulls: number? } zipf: default 1; 0 is even
---@return tidemill.GeneratedField
function gen.zipf(options) end

---One of a list, each as likely, or as its weight says.
---
---    country = tm.gen.choice({ "FR", "DE", "US" }, { weights = { 5, 3, 2 } })
---    --> {"country":"DE"}
---    --> {"country":"US"}
---    --> {"country":"DE"}
---@param choices (string|number|boolean)[]
---@param options? { weights: number[]?, type: tidemill.type?, nulls: number? } type: what else than string, bool, int or double the values are
---@return tidemill.GeneratedField
function gen.choice(choices, options) end

---Always the same value.
---
---    price = tm.gen.constant("1.50", { type = "decimal(10,2)" })
---    --> {"price":1.50}
---    --> {"price":1.50}
---    --> {"price":1.50}
---@param value string|number|boolean
---@param options? { type: tidemill.type?, nulls: number? }
---@return tidemill.GeneratedField
function gen.constant(value, options) end

---True in a share of the rows, half of them when not given.
---
---    is_returned = tm.gen.bool { share = 0.02 }
---    --> {"is_returned":false}
---    --> {"is_returned":false}
---    --> {"is_returned":false}
---@param options? { share: number?, nulls: number? }
---@return tidemill.GeneratedField
function gen.bool(options) end

---Texts in the form of random UUIDs (version 4).
---
---    order_id = tm.gen.uuid()
---    --> {"order_id":"0f2b0584-a9d7-4e85-838e-e3bae1527028"}
---    --> {"order_id":"1fbde43a-9e41-4c1b-8692-db2784bf5041"}
---    --> {"order_id":"a5e2711b-54be-4de7-87ac-f768b2e64f00"}
---@param options? { nulls: number? }
---@return tidemill.GeneratedField
function gen.uuid(options) end

---Texts of random characters.
---
---    token = tm.gen.string { length = { 8, 12 }, alphabet = "0123456789abcdef" }
---    --> {"token":"8207251e6eb"}
---    --> {"token":"1405fb4806e4"}
---    --> {"token":"00f46e2b468"}
---@param options? { length: integer|integer[]|nil, alphabet: string?, nulls: number? } length: characters, default 16, or { from, to }; alphabet: ASCII, default small letters and digits
---@return tidemill.GeneratedField
function gen.string(options) end

---Text in which each # is a digit of a number below `distinct`; low numbers more often with `zipf`.
---
---    user_id = tm.gen.pattern("u######", { zipf = 0.9, distinct = 1000000 })
---    --> {"user_id":"u000136"}
---    --> {"user_id":"u000000"}
---    --> {"user_id":"u000959"}
---@param pattern string
---@param options? { zipf: number?, distinct: integer?, nulls: number? }
---@return tidemill.GeneratedField
function gen.pattern(pattern, options) end

---Row i is at start (default 2026-01-01) + i * step; a share of the rows (default 0.25) is set back by up to `disorder`.
---
---    ts = tm.gen.timestamp { step = "1ms", disorder = "2s", late_share = 0.1, start = "2026-01-01" }
---    --> {"ts":"2026-01-01T00:00:00.000Z"}
---    --> {"ts":"2026-01-01T00:00:00.001Z"}
---    --> {"ts":"2026-01-01T00:00:00.002Z"}
---@param options? { step: tidemill.duration?, disorder: tidemill.duration?, late_share: number?, start: string|integer|nil, nulls: number? }
---@return tidemill.GeneratedField
function gen.timestamp(options) end

---A number that grows with the row. The input ends behind the row with `last`.
---
---    id = tm.gen.sequence { start = 1, last = 1000 }
---    --> {"id":1}
---    --> {"id":2}
---    --> {"id":3}
---@param options? { start: integer?, step: integer?, last: integer?, type: tidemill.type?, nulls: number? } type: int (default) or int64
---@return tidemill.GeneratedField
function gen.sequence(options) end
