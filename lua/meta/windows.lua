---@meta tidemill
-- Windows of a stream with a key, and what they compute.

---@class tidemill
local tm = {}

---@class tidemill.Stream
local stream = {}

-- # windows: Windows
-- Rows of a key in a stretch of event time.

---Cuts the rows of each key into windows of event time. Needs a watermark above.
---
---    stream:watermark("ts"):key_by("user")
---      :window(tm.tumbling("1m")):aggregate("spend", { total = tm.sum("amount") })
---    --> {"user":"bob","window_start":"2026-01-01T10:00:00.000Z","window_end":"2026-01-01T10:01:00.000Z","total":99.99}
---    --> {"user":"ann","window_start":"2026-01-01T10:00:00.000Z","window_end":"2026-01-01T10:01:00.000Z","total":12.50}
---    --> {"user":"ann","window_start":"2026-01-01T10:01:00.000Z","window_end":"2026-01-01T10:02:00.000Z","total":7.25}
---    --> {"user":"cyd","window_start":"2026-01-01T10:01:00.000Z","window_end":"2026-01-01T10:02:00.000Z","total":30.00}
---@param window tidemill.Window
---@return tidemill.WindowedStream
function stream:window(window) end

---What stream:window gives.
---
---    local windowed = stream:watermark("ts"):key_by("country"):window(tm.tumbling("1m"))
---@class tidemill.WindowedStream
local windowed = {}

---One row per key and window: the key's columns, window_start, window_end, the aggregates in the order of the text.
---
---    windowed:aggregate("spend", { n = tm.count(), total = tm.sum("amount"), largest = tm.max("amount") }):drop("window_end")
---    --> {"country":"DE","window_start":"2026-01-01T10:00:00.000Z","n":1,"total":99.99,"largest":99.99}
---    --> {"country":"FR","window_start":"2026-01-01T10:00:00.000Z","n":1,"total":12.50,"largest":12.50}
---    --> {"country":"DE","window_start":"2026-01-01T10:01:00.000Z","n":1,"total":30.00,"largest":30.00}
---    --> {"country":"FR","window_start":"2026-01-01T10:01:00.000Z","n":1,"total":7.25,"largest":7.25}
---
---A custom aggregate stands alone and has columns of its own: `:aggregate("speed", tm.aggregate { ... })`.
---@param name string
---@param aggregates table<string, tidemill.Aggregate|tidemill.List>|tidemill.CustomAggregate
---@return tidemill.Stream
---@overload fun(self: tidemill.WindowedStream, aggregates: table<string, tidemill.Aggregate|tidemill.List>|tidemill.CustomAggregate): tidemill.Stream
function windowed:aggregate(name, aggregates) end

---Which windows there are. The examples stand in
---
---    stream:watermark("ts"):key_by("country"):window(...):aggregate("orders", { n = tm.count() })
---@class tidemill.Window

---Windows that follow each other.
---
---    tm.tumbling("1d", { offset = "-8h" })
---    --> {"country":"DE","window_start":"2025-12-31T16:00:00.000Z","window_end":"2026-01-01T16:00:00.000Z","n":2}
---    --> {"country":"FR","window_start":"2025-12-31T16:00:00.000Z","window_end":"2026-01-01T16:00:00.000Z","n":2}
---@param size tidemill.duration
---@param options? { offset: tidemill.duration? }
---@return tidemill.Window
function tm.tumbling(size, options) end

---Windows of `size` that begin every `slide`.
---
---    tm.sliding("2m", "1m")
---    --> {"country":"DE","window_start":"2026-01-01T09:59:00.000Z","window_end":"2026-01-01T10:01:00.000Z","n":1}
---    --> {"country":"FR","window_start":"2026-01-01T09:59:00.000Z","window_end":"2026-01-01T10:01:00.000Z","n":1}
---    --> {"country":"DE","window_start":"2026-01-01T10:00:00.000Z","window_end":"2026-01-01T10:02:00.000Z","n":2}
---    --> {"country":"FR","window_start":"2026-01-01T10:00:00.000Z","window_end":"2026-01-01T10:02:00.000Z","n":2}
---    --> {"country":"DE","window_start":"2026-01-01T10:01:00.000Z","window_end":"2026-01-01T10:03:00.000Z","n":1}
---    --> {"country":"FR","window_start":"2026-01-01T10:01:00.000Z","window_end":"2026-01-01T10:03:00.000Z","n":1}
---@param size tidemill.duration
---@param slide tidemill.duration
---@param options? { offset: tidemill.duration? }
---@return tidemill.Window
function tm.sliding(size, slide, options) end

-- # aggregates: Aggregates
-- What a window computes. docs/guide/aggregates.md says how exactly, and in how much memory.

---One column of a window's result. The examples stand in
---
---    stream:watermark("ts"):key_by("country"):window(tm.tumbling("1d")):aggregate("orders", { ... })
---      :drop("window_start", "window_end")
---@class tidemill.Aggregate

---Rows in the window.
---
---    n = tm.count()
---    --> {"country":"DE","n":2}
---    --> {"country":"FR","n":2}
---@return tidemill.Aggregate
function tm.count() end

---Sum of a field.
---
---    total = tm.sum("amount")
---    --> {"country":"DE","total":129.99}
---    --> {"country":"FR","total":19.75}
---@param field string
---@return tidemill.Aggregate
function tm.sum(field) end

---Mean of a field.
---
---    mean = tm.avg("amount")
---    --> {"country":"DE","mean":64.995000}
---    --> {"country":"FR","mean":9.875000}
---@param field string
---@return tidemill.Aggregate
function tm.avg(field) end

---Least value of a field.
---
---    least = tm.min("amount")
---    --> {"country":"DE","least":30.00}
---    --> {"country":"FR","least":7.25}
---@param field string
---@return tidemill.Aggregate
function tm.min(field) end

---Greatest value of a field.
---
---    largest = tm.max("amount")
---    --> {"country":"DE","largest":99.99}
---    --> {"country":"FR","largest":12.50}
---@param field string
---@return tidemill.Aggregate
function tm.max(field) end

---Value of the row that arrived first, of those where it is not null.
---
---    opened = tm.first("amount")
---    --> {"country":"DE","opened":99.99}
---    --> {"country":"FR","opened":12.50}
---@param field string
---@return tidemill.Aggregate
function tm.first(field) end

---Value of the row that arrived last, of those where it is not null.
---
---    closed = tm.last("amount")
---    --> {"country":"DE","closed":30.00}
---    --> {"country":"FR","closed":7.25}
---@param field string
---@return tidemill.Aggregate
function tm.last(field) end

---How many different values a field has. Exact: the values of a key and window are kept, 8 to 25 bytes each, up to 25 million.
---With `approximate = true` an estimate: exact to 768 values, then within 1.15 % (standard error) in 8 KB a key and window.
---Takes bool, numbers, decimals, strings, bytes and timestamps; 0 and -0 are one value.
---
---    users = tm.count_distinct("user")
---    about = tm.count_distinct("user", { approximate = true })
---    --> {"country":"DE","users":2,"about":2}
---    --> {"country":"FR","users":1,"about":1}
---@param field string
---@param options? { approximate: boolean? }
---@return tidemill.Aggregate
function tm.count_distinct(field, options) end

---The value that the share `q` of the values does not exceed: of n values that of rank ceil(q * n), within 0.8 % of it; the
---least and the greatest exactly. A double. Takes about 10 KB a key and window for values from 1 to 1000, whatever their
---number, and 4 MB for all doubles there are. Several quantiles of one field cost as much as one.
---
---    p90 = tm.quantile("amount", 0.9)
---    --> {"country":"DE","p90":99.99}
---    --> {"country":"FR","p90":12.5}
---@param field string int, int64, double or decimal
---@param q number 0 to 1
---@return tidemill.Aggregate
function tm.quantile(field, q) end

---`tm.quantile(field, 0.5)`.
---
---    usual = tm.median("amount")
---    --> {"country":"DE","usual":30}
---    --> {"country":"FR","usual":7.25}
---@param field string int, int64, double or decimal
---@return tidemill.Aggregate
function tm.median(field) end

---Standard deviation, a double: of what the values are a sample of (null for a single value), or with `population = true`
---of the values themselves.
---
---    spread = tm.stddev("amount")
---    --> {"country":"DE","spread":49.490403615246464}
---    --> {"country":"FR","spread":3.7123106012293743}
---@param field string int, int64, double or decimal
---@param options? { population: boolean? }
---@return tidemill.Aggregate
function tm.stddev(field, options) end

---The square of tm.stddev.
---
---    var = tm.variance("amount", { population = true })
---    --> {"country":"DE","var":1224.6500250000001}
---    --> {"country":"FR","var":6.890625}
---@param field string int, int64, double or decimal
---@param options? { population: boolean? }
---@return tidemill.Aggregate
function tm.variance(field, options) end

---Value of `field` in the row where `by` is least; of several such rows, in the one that arrived first. Rows where `by` is
---null are left out; the value is null where that row's is.
---
---    cheapest = tm.min_by("id", "amount")
---    --> {"country":"DE","cheapest":4}
---    --> {"country":"FR","cheapest":3}
---@param field string
---@param by string
---@return tidemill.Aggregate
function tm.min_by(field, by) end

---Value of `field` in the row where `by` is greatest; see tm.min_by.
---
---    dearest = tm.max_by("id", "amount")
---    --> {"country":"DE","dearest":2}
---    --> {"country":"FR","dearest":1}
---@param field string
---@param by string
---@return tidemill.Aggregate
function tm.max_by(field, by) end

---@class tidemill.CustomAggregate
---Names of the accumulator's fields with their types; `{ "int", default = 1 }`.
---@alias tidemill.accumulator table<string, string|table>

---An aggregate of windows in Lua. `add` assigns to the accumulator's fields, `merge` adds a later accumulator to an earlier one
---(sliding windows need it), `result` gives a table of columns; without it the accumulator's fields are the columns.
---
---    windowed:aggregate("mean", tm.aggregate { accumulator = { sum = "decimal(12,2)", n = "int" },
---      add = function(a, e) a.sum, a.n = a.sum + e.amount, a.n + 1 end,
---      merge = function(a, b) a.sum, a.n = a.sum + b.sum, a.n + b.n end,
---      result = function(a) return { mean = a.sum / a.n } end,
---    }):drop("window_end")
---    --> {"country":"DE","window_start":"2026-01-01T10:00:00.000Z","mean":99.990000}
---    --> {"country":"FR","window_start":"2026-01-01T10:00:00.000Z","mean":12.500000}
---    --> {"country":"DE","window_start":"2026-01-01T10:01:00.000Z","mean":30.000000}
---    --> {"country":"FR","window_start":"2026-01-01T10:01:00.000Z","mean":7.250000}
---@param parts { accumulator: tidemill.accumulator, add: fun(a: table, e: tidemill.record), merge: fun(a: table, b: table)?, result: (fun(a: table): table)?, returns: tidemill.fields? }
---@return tidemill.CustomAggregate
function tm.aggregate(parts) end
