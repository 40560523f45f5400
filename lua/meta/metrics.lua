---@meta tidemill
-- Figures that user functions keep: tm.counter, tm.gauge, tm.histogram.

---@class tidemill
local tm = {}

-- # metrics: Metrics of functions
-- Figures that functions keep about the rows they see. Reports have each by operator, over all subtasks; docs/guide/metrics.md.

---@class tidemill.metric.options
---@field unit? string what is counted: "orders", "bytes", "ms"; reports show it
---@field description? string for whoever reads the report of `run --json`

---A figure that only grows. Declared outside of functions; the same name gives the same counter.
---
---    local large = tm.counter("large_orders")
---    return stream:filter(function(e)
---      if e.amount > 50 then large:inc() end
---      return e.country == "FR"
---    end):select("id")
---    --> {"id":1}
---    --> {"id":3}
---@param name string letters, digits and _
---@param options? tidemill.metric.options
---@return tidemill.Counter
function tm.counter(name, options) end

---A figure that goes up and down: what was set last. Of several subtasks the report has the sum, the least and the most.
---
---    local newest = tm.gauge("newest_order")
---    return stream:filter(function(e)
---      newest:set(e.id)
---      return e.country == "FR"
---    end):select("id")
---    --> {"id":1}
---    --> {"id":3}
---@param name string letters, digits and _
---@param options? tidemill.metric.options
---@return tidemill.Gauge
function tm.gauge(name, options) end

---How values are spread: their count, p50, p99 and the greatest, within 3.2 %. Whole numbers: a fraction is rounded, so measure
---in a unit that is small enough.
---
---    local cents = tm.histogram("order_cents", { unit = "cents" })
---    return stream:filter(function(e)
---      cents:observe((e.amount * 100):tonumber())
---      return e.country == "FR"
---    end):select("id")
---    --> {"id":1}
---    --> {"id":3}
---@param name string letters, digits and _
---@param options? tidemill.metric.options
---@return tidemill.Histogram
function tm.histogram(name, options) end

---What tm.counter gives.
---
---    local counter = tm.counter("rows")
---@class tidemill.Counter
local counter = {}

---Counts one.
---
---    stream:map(function(e) counter:inc() return { id = e.id } end)
---    --> {"id":1}
---    --> {"id":2}
---    --> {"id":3}
---    --> {"id":4}
function counter:inc() end

---Counts more than one.
---
---    stream:map(function(e) counter:add(#e.user) return { id = e.id } end)
---    --> {"id":1}
---    --> {"id":2}
---    --> {"id":3}
---    --> {"id":4}
---@param n number not negative; of a decimal or int64 value:tonumber()
function counter:add(n) end

---What tm.gauge gives.
---
---    local gauge = tm.gauge("level")
---@class tidemill.Gauge
local gauge = {}

---The figure is `n` now.
---
---    stream:map(function(e) gauge:set(e.id) return { id = e.id } end)
---    --> {"id":1}
---    --> {"id":2}
---    --> {"id":3}
---    --> {"id":4}
---@param n number
function gauge:set(n) end

---The figure goes up by `n`, or down where it is negative.
---
---    stream:map(function(e) gauge:add(e.country == "FR" and 1 or -1) return { id = e.id } end)
---    --> {"id":1}
---    --> {"id":2}
---    --> {"id":3}
---    --> {"id":4}
---@param n number
function gauge:add(n) end

---What tm.histogram gives.
---
---    local histogram = tm.histogram("lengths", { unit = "bytes" })
---@class tidemill.Histogram
local histogram = {}

---One value.
---
---    stream:map(function(e) histogram:observe(#e.user) return { id = e.id } end)
---    --> {"id":1}
---    --> {"id":2}
---    --> {"id":3}
---    --> {"id":4}
---@param n number 0 to 2^53; of a decimal or int64 value:tonumber()
function histogram:observe(n) end
