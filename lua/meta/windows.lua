---@meta tidemill
-- Windows of a stream with a key, and what they compute.

---@class tidemill
local tm = {}

---@class tidemill.Stream
local stream = {}

-- # windows: Windows
-- Rows of a key, or of the whole stream, in stretches of time, in sessions, or so many of them. docs/guide/windows.md tells it in full.

---Cuts the rows of each key into windows. Those of event time need a watermark above.
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

---Windows over all rows of the stream, whatever their keys: one subtask takes them all.
---
---    stream:watermark("ts"):window_all(tm.tumbling("1m")):aggregate("orders", { n = tm.count() }):drop("window_end")
---    --> {"window_start":"2026-01-01T10:00:00.000Z","n":2}
---    --> {"window_start":"2026-01-01T10:01:00.000Z","n":2}
---@param window tidemill.Window
---@return tidemill.WindowedStream
function stream:window_all(window) end

---What stream:window gives.
---
---    local windowed = stream:watermark("ts"):key_by("country"):window(tm.tumbling("1m"))
---@class tidemill.WindowedStream
local windowed = {}

---How long after its end a window takes rows that are late for it. Each of them gives the window's row again, as it is then.
---
---    stream:watermark("ts"):key_by("country"):window(tm.tumbling("1m")):allowed_lateness("10s")
---      :aggregate("orders", { n = tm.count() }):drop("window_end")
---    --> {"country":"DE","window_start":"2026-01-01T10:00:00.000Z","n":1}
---    --> {"country":"FR","window_start":"2026-01-01T10:00:00.000Z","n":1}
---    --> {"country":"DE","window_start":"2026-01-01T10:01:00.000Z","n":1}
---    --> {"country":"FR","window_start":"2026-01-01T10:01:00.000Z","n":1}
---@param lateness tidemill.duration
---@return tidemill.WindowedStream
function windowed:allowed_lateness(lateness) end

---Rows that are too late for all their windows go to a side output of the aggregate, as they came, instead of being counted only.
---
---    local orders = stream:watermark("ts"):key_by("country"):window(tm.tumbling("1m")):late("late")
---      :aggregate("orders", { n = tm.count() })
---    orders:to(tm.print())
---    return orders:side("late"):to(tm.file { path = "late.jsonl", format = "json" })
---@param tag string
---@return tidemill.WindowedStream
function windowed:late(tag) end

---When the windows give their rows, if not once at their end.
---
---    stream:key_by("country"):window(tm.global()):trigger(tm.trigger.count(2)):aggregate("every_two", { n = tm.count() })
---    --> {"country":"FR","n":2}
---    --> {"country":"DE","n":2}
---@param trigger tidemill.Trigger|tidemill.own_trigger
---@return tidemill.WindowedStream
function windowed:trigger(trigger) end

---What is taken out of the windows when they fire; the rest counts on.
---
---    stream:key_by("country"):window(tm.global()):trigger(tm.trigger.count(1)):evict(tm.evict.count(1))
---      :aggregate("newest", { n = tm.count(), user = tm.last("user") })
---    --> {"country":"FR","n":1,"user":"ann"}
---    --> {"country":"DE","n":1,"user":"bob"}
---    --> {"country":"FR","n":1,"user":"ann"}
---    --> {"country":"DE","n":1,"user":"cyd"}
---@param evictor tidemill.Evictor
---@return tidemill.WindowedStream
function windowed:evict(evictor) end

---A function that gets all rows of each window when it gives its row, in the order in which they came. What it emits are the rows of
---the stream. A table has the function as `each`, and `state` of the key, over all its windows.
---
---    windowed:process("users", function(ctx, key, rows)
---      local users = rows[1].user
---      for i = 2, #rows do users = users .. ", " .. rows[i].user end
---      ctx:emit { country = key, from = ctx.window_start, n = #rows, users = users }
---    end)
---    --> {"country":"DE","from":"2026-01-01T10:00:00.000Z","n":1,"users":"bob"}
---    --> {"country":"FR","from":"2026-01-01T10:00:00.000Z","n":1,"users":"ann"}
---    --> {"country":"DE","from":"2026-01-01T10:01:00.000Z","n":1,"users":"cyd"}
---    --> {"country":"FR","from":"2026-01-01T10:01:00.000Z","n":1,"users":"ann"}
---@param name string its identity, unique in the job
---@param fn fun(ctx: tidemill.WindowContext, key: any, rows: any[])|tidemill.window_process
---@return tidemill.Stream
function windowed:process(name, fn) end

---One row of each window: the function makes one of two, again and again; the first row is the first result. It returns one of its
---records, perhaps changed, or a table with columns of theirs. The row has the key's columns, window_start, window_end, the others.
---
---    windowed:reduce("largest", function(a, e) if e.amount > a.amount then return e end return a end):select("country", "amount")
---    --> {"country":"DE","amount":99.99}
---    --> {"country":"FR","amount":12.50}
---    --> {"country":"DE","amount":30.00}
---    --> {"country":"FR","amount":7.25}
---@param name string
---@param fn fun(a: any, e: any): any parts of a window may be reduced apart and then put together by it
---@param behind? fun(ctx: tidemill.WindowContext, key: any, row: any)|tidemill.window_process gets the row, and emits others
---@return tidemill.Stream
function windowed:reduce(name, fn, behind) end

---@class tidemill.window_process
---@field state? table<string, tidemill.State> of the key, over all its windows
---@field window_state? table<string, tidemill.State> of each window of a key, gone with it; not of sessions, which merge
---@field each fun(ctx: tidemill.WindowContext, key: any, rows: any)
---@field clear? fun(ctx: tidemill.WindowContext) called once when a window is gone for good; gives no rows, but side rows
---@field open? fun(ctx: { now: integer, watermark: number, subtask: integer, metrics: table })
---@field close? fun(ctx: { now: integer, watermark: number, subtask: integer, metrics: table })

---What functions of windows get first. It is good while the function runs.
---@class tidemill.WindowContext
---@field key any the key: a value, or a record of several fields; window_all has none (its functions get nil as the key)
---@field window_start integer ms; of windows that have bounds
---@field window_end integer ms
---@field time integer? the window's last ms
---@field watermark number ms; the one that made the window fire
---@field now integer the clock, ms
---@field state table<string, tidemill.Handle> of the key, by name
---@field window_state table<string, tidemill.Handle> of the window, by name
---@field subtask integer from 0
---@field metrics table<string, any> the job's metrics by name
---@field emit fun(self: tidemill.WindowContext, row: table) a row of the stream
---@field output fun(self: tidemill.WindowContext, tag: string, row: table) a row of a side output

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
---@param behind? fun(ctx: tidemill.WindowContext, key: any, result: any)|tidemill.window_process gets the row, and emits others
---@return tidemill.Stream
---@overload fun(self: tidemill.WindowedStream, aggregates: table<string, tidemill.Aggregate|tidemill.List>|tidemill.CustomAggregate): tidemill.Stream
function windowed:aggregate(name, aggregates, behind) end

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
---@param options? { offset: tidemill.duration?, processing: boolean? } offset: shifts the bounds; processing: windows go by the clock
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
---@param options? { offset: tidemill.duration?, processing: boolean? } offset: shifts the bounds; processing: windows go by the clock
---@return tidemill.Window
function tm.sliding(size, slide, options) end

---Windows of `size` that give their row every `step`, of what they have so far: [0, step), [0, 2 step), ... [0, size).
---
---    tm.cumulate("2m", "1m")
---    --> {"country":"DE","window_start":"2026-01-01T10:00:00.000Z","window_end":"2026-01-01T10:01:00.000Z","n":1}
---    --> {"country":"FR","window_start":"2026-01-01T10:00:00.000Z","window_end":"2026-01-01T10:01:00.000Z","n":1}
---    --> {"country":"DE","window_start":"2026-01-01T10:00:00.000Z","window_end":"2026-01-01T10:02:00.000Z","n":2}
---    --> {"country":"FR","window_start":"2026-01-01T10:00:00.000Z","window_end":"2026-01-01T10:02:00.000Z","n":2}
---@param size tidemill.duration a multiple of the step
---@param step tidemill.duration
---@param options? { offset: tidemill.duration?, processing: boolean? } offset: shifts the bounds; processing: windows go by the clock
---@return tidemill.Window
function tm.cumulate(size, step, options) end

---Rows of a key that are at most `gap` apart. The window begins with its first row and ends a gap after its last.
---
---    tm.session("66s")
---    --> {"country":"DE","window_start":"2026-01-01T10:00:20.000Z","window_end":"2026-01-01T10:01:26.000Z","n":1}
---    --> {"country":"FR","window_start":"2026-01-01T10:00:05.000Z","window_end":"2026-01-01T10:02:16.000Z","n":2}
---    --> {"country":"DE","window_start":"2026-01-01T10:01:30.000Z","window_end":"2026-01-01T10:02:36.000Z","n":1}
---
---The gap can be a function's, ms above 0: how long this row's session goes on at least.
---
---    tm.session(function(e) return e.country == "FR" and 66000 or 1000 end)
---    --> {"country":"DE","window_start":"2026-01-01T10:00:20.000Z","window_end":"2026-01-01T10:00:21.000Z","n":1}
---    --> {"country":"DE","window_start":"2026-01-01T10:01:30.000Z","window_end":"2026-01-01T10:01:31.000Z","n":1}
---    --> {"country":"FR","window_start":"2026-01-01T10:00:05.000Z","window_end":"2026-01-01T10:02:16.000Z","n":2}
---@param gap tidemill.duration|fun(e: any): integer
---@param options? { processing: boolean? } processing: windows go by the clock
---@return tidemill.Window
function tm.session(gap, options) end

---One window of all rows of a key, which never ends. A trigger says when it gives its row; the row has no window_start and window_end.
---
---    stream:key_by("country"):window(tm.global()):trigger(tm.trigger.end_of_stream()):aggregate("orders", { n = tm.count() })
---    --> {"country":"DE","n":2}
---    --> {"country":"FR","n":2}
---@return tidemill.Window
function tm.global() end

---A row for every `size` rows of a key; or for every `slide` rows of it, of the last `size`. What remains at the end gives none.
---
---    stream:key_by("country"):window(tm.count_window(2, 1)):aggregate("last_two", { n = tm.count(), total = tm.sum("amount") })
---    --> {"country":"FR","n":1,"total":12.50}
---    --> {"country":"DE","n":1,"total":99.99}
---    --> {"country":"FR","n":2,"total":19.75}
---    --> {"country":"DE","n":2,"total":129.99}
---@param size integer
---@param slide? integer
---@return tidemill.Window
function tm.count_window(size, slide) end

---When a window gives its row. The examples stand in
---
---    stream:watermark("ts"):key_by("country"):window(tm.tumbling("2m")):trigger(...):aggregate("orders", { n = tm.count() }):drop("window_end")
---@class tidemill.Trigger

---@class tidemill.trigger
local trigger = {}

---When the watermark passes the window's end; what windows of event time do without a trigger.
---
---    tm.trigger.event_time()
---    --> {"country":"DE","window_start":"2026-01-01T10:00:00.000Z","n":2}
---    --> {"country":"FR","window_start":"2026-01-01T10:00:00.000Z","n":2}
---@return tidemill.Trigger
function trigger.event_time() end

---When the clock passes the window's end; what windows by the clock do without a trigger.
---
---    tm.trigger.processing_time()
---@return tidemill.Trigger
function trigger.processing_time() end

---Every n rows of the window. A rest at its end gives no row.
---
---    tm.trigger.count(2)
---    --> {"country":"FR","window_start":"2026-01-01T10:00:00.000Z","n":2}
---    --> {"country":"DE","window_start":"2026-01-01T10:00:00.000Z","n":2}
---@param n integer
---@return tidemill.Trigger
function trigger.count(n) end

---Whenever the watermark passes a multiple of the interval, from the first row on; and at the window's end.
---
---    tm.trigger.continuous_event_time("1m")
---    --> {"country":"DE","window_start":"2026-01-01T10:00:00.000Z","n":2}
---    --> {"country":"FR","window_start":"2026-01-01T10:00:00.000Z","n":2}
---    --> {"country":"DE","window_start":"2026-01-01T10:00:00.000Z","n":2}
---    --> {"country":"FR","window_start":"2026-01-01T10:00:00.000Z","n":2}
---@param interval tidemill.duration
---@return tidemill.Trigger
function trigger.continuous_event_time(interval) end

---Whenever the clock passes a multiple of the interval, from the first row on.
---
---    tm.trigger.continuous_processing_time("10s")
---@param interval tidemill.duration
---@return tidemill.Trigger
function trigger.continuous_processing_time(interval) end

---With a row that is further than the threshold from the one that it fired with last, says a function of the two; the first row is
---where it begins. Not of sessions.
---
---    tm.trigger.delta(10, function(a, b) return (a.amount - b.amount):tonumber() end)
---    --> {"country":"DE","window_start":"2026-01-01T10:00:00.000Z","n":2}
---@param threshold number
---@param fn fun(a: any, b: any): number
---@return tidemill.Trigger
function trigger.delta(threshold, fn) end

---A trigger of one's own, in place of one of these: functions that say "continue", "fire", "purge" or "fire_and_purge". Nothing said is
---"continue".
---
---    { element = function(ctx, e) return e.user == "cyd" and "fire" or "continue" end }
---    --> {"country":"DE","window_start":"2026-01-01T10:00:00.000Z","n":2}
---@class tidemill.own_trigger
---@field state? table<string, tidemill.State> of a window: tm.value and tm.reducing, without a time to live
---@field element fun(ctx: tidemill.TriggerContext, e: any): string? a row that comes
---@field event_time? fun(ctx: tidemill.TriggerContext, at: integer): string? a time of ctx:timer, and the end of the window's life: its last millisecond and the allowed lateness
---@field processing_time? fun(ctx: tidemill.TriggerContext, at: integer): string? a time of ctx:timer_processing, and by the clock the end of the window's life
---@field merge? fun(ctx: tidemill.TriggerContext, other: any) sessions: of each window that went into this one; the values of its states, by name: other.n
---@field clear? fun(ctx: tidemill.TriggerContext) the window is over

---What functions of a trigger get first.
---@class tidemill.TriggerContext
---@field window_start integer ms
---@field window_end integer ms
---@field time integer? of the row, or of the timer
---@field watermark number ms
---@field now integer the clock, ms
---@field state table<string, tidemill.Handle> by name
---@field subtask integer from 0
---@field metrics table<string, any>
---@field timer fun(self: tidemill.TriggerContext, at: integer)
---@field timer_processing fun(self: tidemill.TriggerContext, at: integer)
---@field delete_timer fun(self: tidemill.TriggerContext, at: integer)
---@field delete_timer_processing fun(self: tidemill.TriggerContext, at: integer)

---As the trigger that it is given; what the window holds is thrown away each time.
---
---    tm.trigger.purging(tm.trigger.count(2))
---    --> {"country":"FR","window_start":"2026-01-01T10:00:00.000Z","n":2}
---    --> {"country":"DE","window_start":"2026-01-01T10:00:00.000Z","n":2}
---@param trigger tidemill.Trigger|tidemill.own_trigger
---@return tidemill.Trigger
function trigger.purging(trigger) end

---As the trigger that it is given, and some time by the clock after the first row that it has not fired for.
---
---    tm.trigger.processing_timeout(tm.trigger.count(2), "5s")
---    --> {"country":"FR","window_start":"2026-01-01T10:00:00.000Z","n":2}
---    --> {"country":"DE","window_start":"2026-01-01T10:00:00.000Z","n":2}
---    --> {"country":"DE","window_start":"2026-01-01T10:00:00.000Z","n":2}
---    --> {"country":"FR","window_start":"2026-01-01T10:00:00.000Z","n":2}
---@param trigger tidemill.Trigger
---@param timeout tidemill.duration
---@param options? { reset: boolean?, clear: boolean? } reset: each row puts the timeout off, default false; clear: the trigger begins anew when the timeout fires, default true
---@return tidemill.Trigger
function trigger.processing_timeout(trigger, timeout, options) end

---Never: the window is thrown away at its end.
---
---    tm.trigger.never()
---@return tidemill.Trigger
function trigger.never() end

---When the input ends. Of tm.global().
---
---    stream:key_by("country"):window(tm.global()):trigger(tm.trigger.end_of_stream()):aggregate("orders", { n = tm.count() })
---    --> {"country":"DE","n":2}
---    --> {"country":"FR","n":2}
---@return tidemill.Trigger
function trigger.end_of_stream() end

---What a window loses when it fires: before anything is computed, or behind that with `after = true`. The examples stand in
---
---    stream:watermark("ts"):key_by("country"):window(tm.global()):trigger(tm.trigger.count(1)):evict(...)
---      :aggregate("orders", { n = tm.count(), total = tm.sum("amount") })
---@class tidemill.Evictor

---@class tidemill.evict
local evict = {}

---All but the last n rows.
---
---    tm.evict.count(1)
---    --> {"country":"FR","n":1,"total":12.50}
---    --> {"country":"DE","n":1,"total":99.99}
---    --> {"country":"FR","n":1,"total":7.25}
---    --> {"country":"DE","n":1,"total":30.00}
---@param n integer
---@param options? { after: boolean? }
---@return tidemill.Evictor
function evict.count(n, options) end

---Rows that are as old as that before the newest, or older.
---
---    tm.evict.time("68s")
---    --> {"country":"FR","n":1,"total":12.50}
---    --> {"country":"DE","n":1,"total":99.99}
---    --> {"country":"FR","n":2,"total":19.75}
---    --> {"country":"DE","n":1,"total":30.00}
---@param age tidemill.duration
---@param options? { after: boolean? }
---@return tidemill.Evictor
function evict.time(age, options) end

---Rows that are as far as that from the last row, says a function, or further.
---
---    tm.evict.delta(50, function(e, last) return math.abs((e.amount - last.amount):tonumber()) end, { after = true })
---    --> {"country":"FR","n":1,"total":12.50}
---    --> {"country":"DE","n":1,"total":99.99}
---    --> {"country":"FR","n":2,"total":19.75}
---    --> {"country":"DE","n":2,"total":129.99}
---@param threshold number
---@param fn fun(e: any, last: any): number
---@param options? { after: boolean? }
---@return tidemill.Evictor
function evict.delta(threshold, fn, options) end

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
---    --> {"country":"DE","var":1224.650025}
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

---@class tidemill.Watermarks

---A generator of watermarks: says how far event time is. It keeps the fields of `state` of each split (file) of the source, as
---`accumulator` of tm.aggregate: numbers, times, booleans. `event` gets each record with its event time; `periodic` is asked behind
---each batch and, while none come, every `interval`. What either returns is the split's watermark, if it is higher than before:
---no more rows with times up to it are expected. `event` returns one where a record itself says so.
---
---    local marks = tm.watermarks {
---      state = { max = "timestamp" },
---      event = function(state, e, time) if state.max == nil or time > state.max then state.max = time end end,
---      periodic = function(state) return state.max and state.max - 5001 end,
---    }
---    return stream:watermark("ts", { generator = marks }):key_by("user")
---      :window(tm.tumbling("1d")):aggregate("orders", { n = tm.count() }):select("user", "n")
---    --> {"user":"bob","n":1}
---    --> {"user":"ann","n":2}
---    --> {"user":"cyd","n":1}
---@param options { state: table<string, tidemill.type|table>, event: fun(state: table, e: tidemill.record, time: integer): (integer?), periodic: (fun(state: table): (integer?))? }
---@return tidemill.Watermarks
function tm.watermarks(options) end
