---@meta tidemill
-- Functions over keyed state and timers.

---@class tidemill
local tm = {}

---@class tidemill.Stream
local stream = {}

-- # process: State and timers
-- Functions that remember, key by key, and that wake up by themselves.

---Functions over what is kept of each key: `each` once per record, `timer` when a time has come, `open` and `close` once in each
---subtask. What they emit are the rows of the stream. A call that fails leaves nothing behind: no state, no row, no timer.
---
---    stream:watermark("ts"):key_by("country"):process("spend", {
---      state = { n = tm.value("int", { default = 0 }), last = tm.value("string") },
---      each = function(ctx, e)
---        ctx.state.n:set(ctx.state.n:get() + 1)
---        ctx:emit { country = ctx.key, user = e.user, before = ctx.state.last:get(), n = ctx.state.n:get() }
---        ctx.state.last:set(e.user)
---        ctx:timer(ctx.time + 60000, "quiet")
---      end,
---      timer = function(ctx, at, name)
---        if name == "quiet" then ctx:emit { country = ctx.key, n = ctx.state.n:get() } end
---      end,
---    })
---    --> {"country":"FR","user":"ann","before":null,"n":1}
---    --> {"country":"DE","user":"bob","before":null,"n":1}
---    --> {"country":"FR","user":"ann","before":"ann","n":2}
---    --> {"country":"DE","user":"cyd","before":"bob","n":2}
---    --> {"country":"FR","user":null,"before":null,"n":2}
---    --> {"country":"DE","user":null,"before":null,"n":2}
---    --> {"country":"FR","user":null,"before":null,"n":2}
---    --> {"country":"DE","user":null,"before":null,"n":2}
---@param name string its identity, unique in the job
---@param given tidemill.process
---@return tidemill.Stream
---@overload fun(self: tidemill.Stream, given: tidemill.process): tidemill.Stream
function stream:process(name, given) end

---Functions of two streams over the same state of a key: `left` for each record of this stream, `right` for each of the other one. Both
---have a key of the same types; ctx.key has the names of this stream's. Timers go by the lower watermark of the two.
---
---    local names = tm.from(tm.generate { count = 2, seed = 2, fields = {
---      code = function(n) return n % 2 == 0 and "FR" or "DE" end,
---      name = function(n) return n % 2 == 0 and "France" or "Germany" end } }):key_by("code")
---    return stream:key_by("country"):connect(names, "named", {
---      state = { name = tm.value("string"), orders = tm.value("int", { default = 0 }) },
---      left = function(ctx, e) ctx.state.orders:set(ctx.state.orders:get() + 1) end,
---      right = function(ctx, e)
---        ctx.state.name:set(e.name)
---        ctx:emit { country = ctx.key, name = ctx.state.name:get() }
---      end,
---    })
---    --> {"country":"FR","name":"France"}
---    --> {"country":"DE","name":"Germany"}
---@param other tidemill.Stream with a key
---@param name string its identity, unique in the job
---@param given tidemill.connect
---@return tidemill.Stream
function stream:connect(other, name, given) end

---@class tidemill.connect
---@field state? table<string, tidemill.State|tidemill.List|tidemill.Map>
---@field left fun(ctx: tidemill.Context, e: any)
---@field right fun(ctx: tidemill.Context, e: any)
---@field timer? fun(ctx: tidemill.Context, at: integer, name: string?)
---@field open? fun(ctx: { now: integer, watermark: number, subtask: integer, metrics: table })
---@field close? fun(ctx: { now: integer, watermark: number, subtask: integer, metrics: table })
---@field renamed_from? string the name that the operator has in older checkpoints

---Functions of a stream with a key, and of rules that every subtask gets whole: `rule` keeps them in broadcast state, of which each
---subtask has a copy; `each` and `timer` read it. There is no order between the two streams, nor between subtasks.
---
---    local rules = tm.from(tm.generate { count = 1, seed = 2, fields = { limit = tm.gen.constant(2) } })
---    return stream:key_by("country"):process_broadcast(rules, "limited", {
---      broadcast = { limit = tm.value("int", { default = 0 }) },
---      each = function(ctx, e) if e.id > 100 then ctx:emit { limit = ctx.broadcast.limit:get() } end end,
---      rule = function(ctx, e)
---        ctx.broadcast.limit:set(e.limit)
---        ctx:emit { limit = e.limit }
---      end,
---    })
---    --> {"limit":2}
---@param rules tidemill.Stream without a key
---@param name string its identity, unique in the job
---@param given tidemill.process_broadcast
---@return tidemill.Stream
function stream:process_broadcast(rules, name, given) end

---@class tidemill.process_broadcast
---@field state? table<string, tidemill.State|tidemill.List|tidemill.Map> of a key
---@field broadcast? table<string, tidemill.State|tidemill.List|tidemill.Map> of a subtask
---@field each fun(ctx: tidemill.Context, e: any)
---@field rule fun(ctx: tidemill.RuleContext, e: any)
---@field timer? fun(ctx: tidemill.Context, at: integer, name: string?)
---@field open? fun(ctx: { now: integer, watermark: number, subtask: integer, metrics: table })
---@field close? fun(ctx: { now: integer, watermark: number, subtask: integer, metrics: table })
---@field renamed_from? string the name that the operator has in older checkpoints

---What a rule gets first: no key.
---@class tidemill.RuleContext
---@field broadcast table<string, tidemill.Handle|tidemill.ListHandle|tidemill.MapHandle> by name
---@field time integer? event time of the rule, ms
---@field watermark number ms
---@field now integer the clock, ms
---@field subtask integer from 0
---@field metrics table<string, any> the job's metrics by name
---@field emit fun(self: tidemill.RuleContext, row: table) a row of the stream, from every subtask
---@field output fun(self: tidemill.RuleContext, tag: string, row: table) a row of a side output
---when the rule's function has returned, `fn` is called with every key of the subtask that has this state; each is a call of its own
---@field each_key fun(self: tidemill.RuleContext, state: string, fn: fun(ctx: tidemill.Context, key: any, state: tidemill.Handle))

---@class tidemill.process
---@field state? table<string, tidemill.State|tidemill.List|tidemill.Map>
---@field each fun(ctx: tidemill.Context, e: any)
---@field timer? fun(ctx: tidemill.Context, at: integer, name: string?)
---@field open? fun(ctx: { now: integer, watermark: number, subtask: integer, metrics: table })
---@field close? fun(ctx: { now: integer, watermark: number, subtask: integer, metrics: table })
---@field renamed_from? string the name that the operator has in older checkpoints

---What the functions get first. It is good while the function runs.
---@class tidemill.Context
---@field key any the key: a value, or a record of several fields
---@field time integer? event time of the record, ms; of a timer its time
---@field watermark number ms; -math.huge before the first, math.huge behind the last record
---@field now integer the clock, ms
---@field state table<string, tidemill.Handle|tidemill.ListHandle|tidemill.MapHandle> by name
---@field broadcast table<string, tidemill.Handle|tidemill.ListHandle|tidemill.MapHandle> by name, for reading
---@field subtask integer from 0
---@field domain "event"|"processing"|nil of a timer
---@field metrics table<string, any> the job's metrics by name
---@field emit fun(self: tidemill.Context, row: table) a row of the stream
---@field output fun(self: tidemill.Context, tag: string, row: table) a row of a side output
---@field timer fun(self: tidemill.Context, at: integer, name: string?) at this event time, ms; the same timer twice is one
---@field timer_processing fun(self: tidemill.Context, at: integer, name: string?) at this time of the clock, ms
---@field delete_timer fun(self: tidemill.Context, at: integer, name: string?)
---@field delete_timer_processing fun(self: tidemill.Context, at: integer, name: string?)

---A state of the key: `add` of reducing and aggregating states, `set` of values.
---@class tidemill.Handle
---@field get fun(self: tidemill.Handle): any nil (or the default) where there is none
---@field set fun(self: tidemill.Handle, value: any) nil takes it away
---@field add fun(self: tidemill.Handle, value: any)
---@field clear fun(self: tidemill.Handle)

---A map of the key (tm.map). `pairs(map)` walks as `map:pairs()` does: in an order that depends on the entries alone. The map may
---change meanwhile: what is put is seen if its place is still to come, what is removed is not, clearing ends the walk.
---
---    stream:key_by("country"):process("users", {
---      state = { seen = tm.map("string", "int", { ttl = "1d" }) },
---      each = function(ctx, e)
---        local seen, text = ctx.state.seen, ""
---        seen:put(e.user, (seen:get(e.user) or 0) + 1)
---        for user, n in pairs(seen) do text = text .. user .. n end
---        ctx:emit { country = ctx.key, users = seen:size(), text = text }
---      end,
---    })
---    --> {"country":"FR","users":1,"text":"ann1"}
---    --> {"country":"DE","users":1,"text":"bob1"}
---    --> {"country":"FR","users":1,"text":"ann2"}
---    --> {"country":"DE","users":2,"text":"bob1cyd1"}
---@class tidemill.MapHandle
---@field get fun(self: tidemill.MapHandle, key: any): any nil where there is no entry
---@field put fun(self: tidemill.MapHandle, key: any, value: any) neither may be nil
---@field remove fun(self: tidemill.MapHandle, key: any)
---@field has fun(self: tidemill.MapHandle, key: any): boolean
---@field size fun(self: tidemill.MapHandle): integer where entries have a time to live, it looks through those that may be over
---@field is_empty fun(self: tidemill.MapHandle): boolean
---@field pairs fun(self: tidemill.MapHandle): fun(): any, any keys and values
---@field keys fun(self: tidemill.MapHandle): fun(): any
---@field values fun(self: tidemill.MapHandle): fun(): any
---@field clear fun(self: tidemill.MapHandle)

---A list of the key (tm.list). `list[1]` to `list[#list]` are its values; `ipairs(list)` and `pairs(list)` walk over it, also over
---what is added meanwhile; clear and update end a walk.
---
---    stream:key_by("country"):process("last_two", {
---      state = { users = tm.list("string", { ttl = "1h" }) },
---      each = function(ctx, e)
---        local users = ctx.state.users
---        if #users == 2 then users:update { users[2] } end
---        users:add(e.user)
---        ctx:emit { country = ctx.key, users = users:get() }
---      end,
---    })
---    --> {"country":"FR","users":["ann"]}
---    --> {"country":"DE","users":["bob"]}
---    --> {"country":"FR","users":["ann","ann"]}
---    --> {"country":"DE","users":["bob","cyd"]}
---@class tidemill.ListHandle
---@field get fun(self: tidemill.ListHandle): any[] all values, in a table
---@field add fun(self: tidemill.ListHandle, value: any) not nil
---@field add_all fun(self: tidemill.ListHandle, values: any[])
---@field update fun(self: tidemill.ListHandle, values: any[]) these in place of all others
---@field size fun(self: tidemill.ListHandle): integer
---@field is_empty fun(self: tidemill.ListHandle): boolean
---@field pairs fun(self: tidemill.ListHandle): fun(): integer, any
---@field values fun(self: tidemill.ListHandle): fun(): any
---@field clear fun(self: tidemill.ListHandle)

---What a state is declared by.
---@class tidemill.State

---@class tidemill.ttl
---@field ttl? tidemill.duration|"never" how long a value is kept; then it is as if there had been none. "never" is what `check` takes for an answer where it asks for one
---@field clock? "processing"|"event" the clock (default), or the watermark
---@field refresh? "write"|"access" what begins the time anew: writing (default), or reading too
---@field renamed_from? string the name that the state has in older checkpoints
---@field migrate? fun(old: any): any where older checkpoints have values of another type: the new value of an old one; nil for none

---A value of each key.
---
---    stream:key_by("country"):process("distinct_users", {
---      state = { last = tm.value("string", { ttl = "1h", refresh = "access" }), n = tm.value("int", { default = 0 }) },
---      each = function(ctx, e)
---        if ctx.state.last:get() ~= e.user then ctx.state.n:set(ctx.state.n:get() + 1) end
---        ctx.state.last:set(e.user)
---        ctx:emit { country = ctx.key, changes = ctx.state.n:get() }
---      end,
---    })
---    --> {"country":"FR","changes":1}
---    --> {"country":"DE","changes":1}
---    --> {"country":"FR","changes":1}
---    --> {"country":"DE","changes":2}
---@param type string|table|tidemill.List
---@param options? { default: any, ttl: tidemill.duration|"never"|nil, clock: "processing"|"event"|nil, refresh: "write"|"access"|nil, renamed_from: string?, migrate: (fun(old: any): any)? } migrate: where older checkpoints have values of another type, the new value of an old one
---@return tidemill.State
function tm.value(type, options) end

---Values of the operator in a subtask, outside of keys: for functions over a stream without a key, and beside the state of a key. A list as
---`tm.list` is, read and changed by every function. When a job is restored with another parallelism, the values are divided among the
---subtasks (`split = "even"`, the default), or every subtask gets all of them (`"union"`).
---
---    stream:process("numbered", {
---      state = { users = tm.operator_list("string") },
---      each = function(ctx, e)
---        ctx.state.users:add(e.user)
---        ctx:emit { id = e.id, users = ctx.state.users:size(), first = ctx.state.users[1] }
---      end,
---    })
---    --> {"id":1,"users":1,"first":"ann"}
---    --> {"id":2,"users":2,"first":"ann"}
---    --> {"id":3,"users":3,"first":"ann"}
---    --> {"id":4,"users":4,"first":"ann"}
---@param type string|table|tidemill.List
---@param options? { split: "even"|"union"|nil, renamed_from: string?, migrate: (fun(old: any): any)? }
---@return tidemill.State
function tm.operator_list(type, options) end

---A value that takes in others: `add` makes one of what there is and what is given.
---
---    stream:key_by("country"):process("longest", {
---      state = { longest = tm.reducing("string", function(a, b) return #b > #a and b or a end) },
---      each = function(ctx, e)
---        ctx.state.longest:add(e.user .. e.id)
---        ctx:emit { country = ctx.key, longest = ctx.state.longest:get() }
---      end,
---    })
---    --> {"country":"FR","longest":"ann1"}
---    --> {"country":"DE","longest":"bob2"}
---    --> {"country":"FR","longest":"ann1"}
---    --> {"country":"DE","longest":"bob2"}
---@param type string|table|tidemill.List
---@param fn fun(kept: any, given: any): any
---@param options? tidemill.ttl
---@return tidemill.State
function tm.reducing(type, fn, options) end

---A value that is computed from what is added, by an aggregate in Lua.
---
---    local mean = tm.aggregate { accumulator = { sum = "double", n = "int" },
---      add = function(a, e) a.sum = a.sum + e.id a.n = a.n + 1 end,
---      result = function(a) return { mean = a.sum / a.n } end }
---    return stream:key_by("country"):process("mean", {
---      state = { ids = tm.aggregating(mean) },
---      each = function(ctx, e)
---        ctx.state.ids:add(e)
---        ctx:emit { country = ctx.key, mean = ctx.state.ids:get().mean }
---      end,
---    })
---    --> {"country":"FR","mean":1}
---    --> {"country":"DE","mean":2}
---    --> {"country":"FR","mean":2}
---    --> {"country":"DE","mean":3}
---@param aggregate tidemill.CustomAggregate
---@param options? tidemill.ttl
---@return tidemill.State
function tm.aggregating(aggregate, options) end
