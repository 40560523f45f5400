---@meta tidemill
-- Specs: `tidemill test`.

---@class tidemill
local tm = {}

-- # testing: Testing
-- What `require "tidemill"` has in a spec, which `tidemill test` runs: jobs in virtual time. The guide says more: docs/guide/testing.md.

---A job under test. Its sources and sinks are called by their `name`, else by the name of their file, else by their kind. After
---every call the job runs until there is nothing left to do.
---
---    local t = tm.test { code = [[
---      local tm = require "tidemill"
---      return tm.from(tm.stdin { name = "payments", format = "json", schema = { card = "string", ts = "timestamp" } })
---        :watermark("ts"):key_by("card")
---        :process("velocity", { state = { count = tm.value("int", { default = 0 }) },
---          each = function(ctx, e)
---            ctx.state.count:set(ctx.state.count:get() + 1)
---            if ctx.state.count:get() > 2 then ctx:output("many", { card = e.card }) end
---            ctx:timer(ctx.time + 60000, "over")
---          end,
---          timer = function(ctx, at) ctx:emit { card = ctx.key, at = at, n = ctx.state.count:get() } end,
---        }):returns { card = "string", at = "timestamp", n = "int" }
---        :to(tm.print { name = "counts" })]] }
---@class tidemill.Test
local test = {}

---Plans and starts a job: a path, relative to the working directory or to the spec; a job or stream that the spec builds, or a
---function that returns one; or a job's text.
---
---    local other = tm.test({ code = [[
---      local tm = require "tidemill"
---      return tm.from(tm.lines()):to(tm.print())]] }, { parallelism = 2 })
---    other:push("lines", "hello")
---    assert.same({ { line = "hello" } }, other:take("print"))
---@param job string|tidemill.Job|tidemill.Stream|fun(): (tidemill.Job|tidemill.Stream)|{ code: string, path: string? } path: what messages call it
---@param options? { parallelism: integer?, args: table<string, any>?, now: integer?, seed: integer?, watermarks: "test"|"job"|nil, clock: "test"|"job"|nil } args: what tm.arg gets; now: the clock when it begins, ms; seed: of math.random; watermarks: who makes them, the test (default) or the job; clock: a timer of the clock fires once its millisecond is over, as in production (job, the default), or as soon as the clock shows its time (test)
---@return tidemill.Test
function tm.test(job, options) end

---Records for a source: a table of its columns, or a list of them.
---
---    t:push("payments", { card = "c1", ts = 1000 })
---    t:push("payments", { { card = "c1", ts = 2000 }, { card = "c2", ts = 3000 } })
---@param source string
---@param rows table|string a bare string: of a source of lines
---@return tidemill.Test self
function test:push(source, rows) end

---Event time, of all sources or of one. It only goes forward.
---
---    t:push("payments", { card = "c1", ts = 1000 })
---    t:advance_watermark(61000)
---    assert.same({ { card = "c1", at = 61000, n = 1 } }, t:take("counts"))
---@param at integer ms
---@param source? string
---@return tidemill.Test self
function test:advance_watermark(at, source) end

---Takes a checkpoint and begins anew from it, as a job does after a crash: what follows must not notice. Sources, sinks and the clock
---are the test's; captured variables of functions are lost, as then. A job that has ended stays as it is.
---
---    t:push("payments", { card = "c1", ts = 1000 })
---    t:snapshot_and_restore { parallelism = 3 }
---    t:advance_watermark(61000)
---    assert.same({ { card = "c1", at = 61000, n = 1 } }, t:take("counts"))
---@param options? { parallelism: integer?, max_parallelism: integer? } as they were, where they are not given
---@return tidemill.Test self
function test:snapshot_and_restore(options) end

---What a seed of `tidemill test --seeds` did to the job so far, a line each; without one an empty text.
---
---    assert.equal("", t:story())
---@return string
function test:story() end

---Moves the clock: what is due on the way fires, each in its time. A timer of the clock is due when its millisecond is over.
---
---    t:advance_clock(60000)
---    assert.equal(60000, t:now())
---@param ms integer
---@return tidemill.Test self
function test:advance_clock(ms) end

---The clock.
---
---    assert.equal(0, t:now())
---@return integer ms
function test:now() end

---The source holds event time back no more, until its next record or watermark.
---
---    t:idle("payments")
---@param source string
---@return tidemill.Test self
function test:idle(source) end

---The end of the input, of all sources or of one: what waits for event time fires.
---
---    t:push("payments", { card = "c1", ts = 1000 })
---    t:finish()
---    assert.emits(t, "counts", { { card = "c1", at = 61000, n = 1 } })
---@param source? string
---@return tidemill.Test self
function test:finish(source) end

---The rows since the last take, by cause, event time and key; of a sink, or of a side output that the job does not read. The
---second list has the number of the cause of each: of the push, watermark or move of the clock.
---
---    for i = 1, 3 do t:push("payments", { card = "c1", ts = i }) end
---    local rows, causes = t:take("velocity.many")
---    assert.same({ { card = "c1" } }, rows)
---    assert.same({ 3 }, causes)
---@param sink string
---@param options? { order: "cause"|"arrival"|nil } order: arrival: as they came
---@return table[] rows
---@return integer[] causes
function test:take(sink, options) end

---The states of a key that are there: name to value, or the value of one.
---
---    t:push("payments", { card = "c1", ts = 1000 })
---    assert.same({ count = 1 }, t:state("velocity", "c1"))
---    assert.equal(1, t:state("velocity", "c1", "count"))
---@param operator string
---@param key any of several columns: a table
---@param name? string
---@return any
function test:state(operator, key, name) end

---The windows of a key that are open, the first to end first: their bounds, the states that a function keeps of each
---(`window_state`), and what a trigger of one's own remembers. Not of windows that overlap and fire once: they share slices.
---
---    local t = tm.test { code = [[
---      local tm = require "tidemill"
---      return tm.from(tm.stdin { name = "payments", format = "json", schema = { card = "string", ts = "timestamp" } })
---        :watermark("ts"):key_by("card"):window(tm.session("1m")):aggregate("visits", { n = tm.count() }):to(tm.print())]] }
---    t:push("payments", { card = "c1", ts = 1000 })
---    assert.same({ { window_start = 1000, window_end = 61000 } }, t:windows("visits", "c1"))
---@param operator string
---@param key? any of several columns: a table
---@return { window_start: integer?, window_end: integer?, state: table?, trigger: table? }[]
function test:windows(operator, key) end

---Timers that wait, in the order in which they fire.
---
---    t:push("payments", { card = "c1", ts = 1000 })
---    assert.same({ { at = 61000, domain = "event", key = "c1", name = "over" } }, t:timers("velocity", "c1"))
---@param operator string
---@param key? any
---@return { at: integer, domain: "event"|"processing", key: any, name: string? }[]
function test:timers(operator, key) end

---Event time at an operator, without a name at the sink that lags most; and what holds it back.
---
---    t:advance_watermark(5000)
---    local at, holder = t:watermark("velocity")
---    assert.equal(5000, at)
---    assert.equal("payments", holder.source)
---@param operator? string
---@return number? ms nil: none yet; math.huge: the input has ended
---@return { source: string, input: string, at: number?, since: integer }? holder
function test:watermark(operator) end

---Counters of an operator.
---
---    t:push("payments", { card = "c1", ts = 1000 })
---    assert.equal(1, t:metrics("velocity").records_in)
---@param operator string
---@return { records_in: integer, records_out: integer, used: integer, filtered: integer, late: integer, skipped: integer, dead_lettered: integer, failed_timers: integer, failed_firings: integer, failed_keys: integer }
function test:metrics(operator) end

---Ends the test where it stands. A test that is not closed is when nobody holds it any more.
---
---    t:close()
function test:close() end
