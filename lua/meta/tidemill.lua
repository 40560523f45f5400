---@meta tidemill
-- Types of `require "tidemill"` for the Lua language server. Durations are texts ("250ms", "5s", "10m", "1h", "1d") or
-- whole milliseconds; sizes are texts ("64KB", "128MB", "1GB", powers of 1024) or bytes.

---@class tidemill
---@field null tidemill.Null the null of a field where nil cannot be written
---@field gen tidemill.gen fields of tm.generate
---@field text tidemill.text strings (text.lua)
---@field mask tidemill.mask
---@field encode tidemill.encode
---@field decode tidemill.decode
---@field time tidemill.time moments and numbers (values.lua)
---@field number tidemill.number
---@field hash tidemill.hash
---@field ip tidemill.ip
---@field url tidemill.url
---@field geo tidemill.geo
---@field args table<string, string> values of `tidemill run job.lua --set name=value`; nil when not given
local tm = {}

---@class tidemill.Null

---@alias tidemill.duration string|integer
---@alias tidemill.size string|integer
---@alias tidemill.type
---| "bool"
---| "int" # whole numbers that Lua holds exactly, up to 2^53 either way
---| "int64" # 64-bit values; arithmetic with a fraction is an error
---| "double"
---| "decimal(10,2)" # exact, up to 38 digits: decimal(p,s)
---| "string" # UTF-8
---| "bytes"
---| "timestamp" # ms since 1970 UTC, a Lua number; in: ms or ISO 8601
---| string
---@class tidemill.field
---@field [1] tidemill.type
---@field required? boolean null or missing is an error of the record
---@field rename? string sources: the field's name there
---@field default? any sources: its value where it is null or missing
---@alias tidemill.fields table<string, tidemill.type|tidemill.field>
---@alias tidemill.on_error "fail"|"skip"|tidemill.Connector
---@alias tidemill.format "json"|"csv"|"msgpack"|"text"|"raw"|fun(line: string): table|fun(row: any): string
---@alias tidemill.record table a typed row; valid during the call

---@alias tidemill.side_out fun(tag: string, row: table) gives a row to a side output
---@alias tidemill.out fun(row: table)|fun(tag: string, row: table) gives a row, or one to a side output

---@class tidemill.int64 a 64-bit value
---@operator add(any): tidemill.int64
---@operator sub(any): tidemill.int64
---@operator mul(any): tidemill.int64
---@operator unm: tidemill.int64

---@class tidemill.decimal an exact number
---@operator add(any): tidemill.decimal
---@operator sub(any): tidemill.decimal
---@operator mul(any): tidemill.decimal
---@operator div(any): tidemill.decimal
---@operator unm: tidemill.decimal
---@field tonumber fun(self: tidemill.decimal): number

---@class tidemill.Schema
---@class tidemill.Connector a source or a sink
---@class tidemill.Window
---@class tidemill.Aggregate
---@class tidemill.List the type of a list, or an aggregate
---@class tidemill.CustomAggregate
---@alias tidemill.accumulator table<string, string|table> fields with their types; `{ "int", default = 1 }`
---@class tidemill.GeneratedField

---A named job. Nothing runs while the script is evaluated: it builds a graph.
---
---    local job = tm.job("fraud-detection", { parallelism = 4 })
---@param name string
---@param options? { parallelism: integer?, max_parallelism: integer?, latency: tidemill.duration?, lua_memory: tidemill.size?, on_error: tidemill.on_error? } parallelism: subtasks, default the number of cores; max_parallelism: key groups; latency: how long a row may wait for others, default "5ms"; lua_memory: what the tables and texts of the functions may take in each thread, default "1GB", at least "16MB"; on_error: default of all operators
---@return tidemill.Job
function tm.job(name, options) end

---@class tidemill.Job
local job = {}

---The stream of a source.
---
---    local lines = job:from(tm.lines())
---@param source tidemill.Connector
---@return tidemill.Stream
function job:from(source) end

---The stream of a source, in a job named after the file.
---
---    return tm.from(tm.lines()):to(tm.print())
---@param source tidemill.Connector
---@return tidemill.Stream
function tm.from(source) end

---Columns with their types, in the order of the text.
---
---    local Transaction = tm.schema { user_id = "string", amount = { "decimal(10,2)", required = true }, ts = "timestamp" }
---@param fields tidemill.fields
---@return tidemill.Schema
function tm.schema(fields) end

---The type of a list, for schemas and `:returns`.
---
---    local Order = tm.schema { id = "int", items = tm.list { sku = "string", quantity = "int" }, tags = tm.list("string") }
---In an aggregate it is the values of a field, in order of arrival: all of them (at most 100,000), or the first `limit`.
---
---    :aggregate("baskets", { items = tm.list("item"), first = tm.list("item", { limit = 10 }) })
---@param item string|table|tidemill.Schema the type of its items; of an aggregate, the name of a field
---@param options? { limit: integer? } of an aggregate
---@return tidemill.List
function tm.list(item, options) end

---An aggregate of windows in Lua. `add` assigns to the accumulator's fields, `merge` adds a later accumulator to an earlier one (sliding windows
---need it), `result` gives a table of columns; without it the accumulator's fields are the columns.
---
---    tm.aggregate { accumulator = { sum = "double", n = "int" },
---      add = function(a, e) a.sum, a.n = a.sum + e.price, a.n + 1 end,
---      merge = function(a, b) a.sum, a.n = a.sum + b.sum, a.n + b.n end,
---      result = function(a) return { avg = a.sum / a.n } end }
---@param parts { accumulator: tidemill.accumulator, add: fun(a: table, e: tidemill.record), merge: fun(a: table, b: table)?, result: (fun(a: table): table)?, returns: tidemill.fields? }
---@return tidemill.CustomAggregate
function tm.aggregate(parts) end

---The type of a map: of values by key, where a struct has fields that are known.
---
---    local Page = tm.schema { url = "string", headers = tm.map("string", "string") }
---@param key "string"|"int"|"int64"
---@param value string|table|tidemill.Schema the type of its values
---@return table type
function tm.map(key, value) end

---Marks a table as an array, also when it is empty, for a column of type any: `{}` alone is an empty object.
---
---    stream:assign { answer = function(e) return { ids = tm.array {} } end }
---@param t table
---@return table t
function tm.array(t) end

---Declares an argument of the job, shown by `tidemill run job.lua --help`. A value given by --set takes the type of the
---default.
---
---    local limit = tm.arg("limit", 100, "rows to read")
---@generic T: string|number|boolean|nil
---@param name string
---@param default? T
---@param doc? string
---@return T
function tm.arg(name, default, doc) end

---A copy of a record that may be kept. `e:copy()` is the same, unless a field is called copy.
---@param record tidemill.record
---@return table
function tm.copy(record) end

---Standard input, one record per line: a bare string to functions, field `line` by name.
---
---    tm.from(tm.lines()):flat_map(function(line, out) for word in line:gmatch("%w+") do out { word = word } end end)
---@param options? { name: string?, on_error: tidemill.on_error?, max_record: tidemill.size?, format: "text"?, schema: nil }
---@return tidemill.Connector source
function tm.lines(options) end

---Standard input with a format: text without a schema, JSON Lines with one. With `format = "json"` and no schema, it is inferred
---from the first records; `schema = "any"` takes records of any shape.
---
---    tm.from(tm.stdin { format = "json", schema = { a = "int" } })
---@param options? { format: tidemill.format?, schema: (tidemill.Schema|tidemill.fields|"any")?, name: string?, on_error: tidemill.on_error?, max_record: tidemill.size? }
---@return tidemill.Connector source
function tm.stdin(options) end

---@class tidemill.file.options
---@field path string relative to the working directory; source: a file, a folder or a pattern; sink: a file, or a folder of part files; `.gz` and `.zst` are compressed
---@field format? tidemill.format guessed from the suffix when absent
---@field schema? tidemill.Schema|tidemill.fields|"any" sources: inferred from the first records when absent; "any": records without a shape; a sink checks that its rows have it
---@field name? string default: the file's name
---@field on_error? tidemill.on_error default "fail"
---@field max_record? tidemill.size sources: a longer record is an error; default 1 MiB
---@field follow? boolean sources: read on as files grow, are rotated, and new ones come; default false
---@field split? tidemill.size sources: large plain files are read in pieces of this size, side by side
---@field roll? { size: tidemill.size?, every: tidemill.duration? } sinks: a part file that is so large or so old is followed by another
---@field partition_by? string|string[] sinks: a folder of part files for each value of these columns, as `country=FR`
---@field compression? "none"|"gzip"|"zstd" sinks: of part files; default "none"
---@field if_exists? "append"|"replace" sinks: what to do with existing output; default: an error
---@field nulls? "write"|"omit" sinks: default "write"
---@field timestamp? "iso"|"ms" sinks: default "iso"

---Files, as a source or a sink.
---
---    tm.from(tm.file { path = "in/*.jsonl", schema = { user_id = "string" } }):to(tm.file { path = "out", format = "json" })
---@param options tidemill.file.options
---@return tidemill.Connector
function tm.file(options) end

---@class tidemill.socket.options
---@field port integer to listen also 0: the system chooses one, and the log says which
---@field host? string where to connect to, or to listen; default "127.0.0.1"
---@field listen? boolean accept connections, instead of connecting to a server
---@field reconnect? boolean connect again when the connection ends or cannot be made; without it the end of the connection is the end of the input
---@field expose? boolean listen on an address that other machines can reach: whoever reaches it can send records
---@field connect_timeout? tidemill.duration default "10s"
---@field format? tidemill.format default: "json" with a schema, "text" without
---@field schema? tidemill.Schema|tidemill.fields
---@field max_record? tidemill.size the longest record; default "1MB"
---@field name? string
---@field on_error? tidemill.on_error

---Records that come over TCP. What was read cannot be read again.
---
---    tm.from(tm.socket { port = 9000, listen = true, format = "json", schema = { user = "string" } })
---@param options tidemill.socket.options
---@return tidemill.Connector source
function tm.socket(options) end

---Rows made up from a seed: row i depends on seed and i alone, at every parallelism.
---
---    tm.generate { rate = 1000, count = 1e6, seed = 1, fields = { user = tm.gen.pattern("u####"), n = tm.gen.sequence() } }
---
---A field may be a function of the row's number (from 0) and of a `random(m, n)` as math.random; a function in place of the table
---makes whole rows.
---
---    tm.generate { count = 1000, fields = function(i, random) return { id = i, dice = random(6) } end }
---@alias tidemill.random fun(m: integer?, n: integer?): number
---@param options { fields: table<string, tidemill.GeneratedField|fun(i: integer, random: tidemill.random): any>|fun(i: integer, random: tidemill.random): table, rate: number?, count: integer?, seed: integer?, name: string?, on_error: tidemill.on_error? } rate: rows per second, default as fast as possible; count: rows, default without end
---@return tidemill.Connector source
function tm.generate(options) end

---For people: a table on a terminal, JSON Lines in a pipe.
---
---    stream:to(tm.print())
---@param options? { format: tidemill.format?, schema: tidemill.Schema|tidemill.fields?, name: string?, on_error: tidemill.on_error?, nulls: "write"|"omit"?, timestamp: "iso"|"ms"? }
---@return tidemill.Connector sink
function tm.print(options) end

---A function as a sink: `write` is called with each row, on the thread of its subtask, and with nothing else; `open` before the
---first row and `close` behind the last, once in each subtask. What they share is captured variables, one set for each thread.
---
---    local sums = {}
---    stream:to(tm.sink {
---      write = function(e) sums[e.country] = (sums[e.country] or 0) + e.amount end,
---      close = function() for country, sum in pairs(sums) do print(country, sum) end end,
---    })
---@param options { write: fun(e: tidemill.record), open: fun()?, close: fun()?, name: string?, on_error: tidemill.on_error?, schema: tidemill.Schema|tidemill.fields? }
---@return tidemill.Connector sink
function tm.sink(options) end

---@class tidemill.webhook.options
---@field url string http:// or https://; user, password and query are in no message
---@field body? "lines"|"array"|"record" JSON Lines (default), one JSON array, or one record in each request
---@field batch? integer rows in a request, at most; default 100
---@field batch_bytes? tidemill.size no row is added to a request that holds as much; default "1MB"
---@field every? tidemill.duration how long a row waits for others; default "1s"
---@field in_flight? integer requests under way at once, of each subtask, up to 16; default 1, which keeps the order
---@field timeout? tidemill.duration of one attempt; default "30s"
---@field headers? table<string, string>
---@field retry? { attempts: integer?, min: tidemill.duration?, max: tidemill.duration? } default 10 attempts, with pauses of "200ms", doubling, up to "30s"; then the job fails
---@field verify? boolean check the server's certificate; default true
---@field ca? string file with the certificates to trust, instead of the system's
---@field nulls? "write"|"omit" default "write"
---@field timestamp? "iso"|"ms" default "iso"
---@field schema? tidemill.Schema|tidemill.fields
---@field name? string
---@field on_error? tidemill.on_error of rows that the server refuses (4xx) or JSON cannot hold
---@field format? "json"

---Rows as JSON in HTTP requests, at least once.
---
---    stream:to(tm.webhook { url = "https://example.com/alerts", batch = 50, headers = { Authorization = "Bearer " .. tm.arg("token", "") } })
---@param options tidemill.webhook.options
---@return tidemill.Connector sink
function tm.webhook(options) end

---CSV with options, for `format`. Without options: commas, double quotes, a header, an empty field is null.
---
---    tm.from(tm.file { path = "a.csv", format = tm.csv { delimiter = ";", decimal = "," }, schema = { a = "double" } })
---@param options? { delimiter: string?, quote: string?, escape: "double"|"backslash"|nil, header: boolean?, null: string|string[]|nil, comment: string?, skip_lines: integer?, ragged: "error"|"pad"|"truncate"|"both"|nil, trailing_delimiter: boolean?, decimal: "."|","|nil, bools: string?, quoting: "needed"|"all"|nil, line_end: "lf"|"crlf"|nil }
---@return table
function tm.csv(options) end

---JSON with options. Without them a source reads one object per line, and recognises an array of objects and objects over several
---lines.
---
---    tm.from(tm.file { path = "orders.json", format = tm.json { layout = "array" }, schema = { id = "int" } })
---@param options? { layout: "guess"|"lines"|"array"|"pretty"? }
---@return table format
function tm.json(options) end

---Rows are counted and dropped.
---
---    stream:to(tm.discard())
---@param options? { name: string?, on_error: tidemill.on_error?, schema: tidemill.Schema|tidemill.fields?, format: tidemill.format? }
---@return tidemill.Connector sink
function tm.discard(options) end

---@class tidemill.gen
local gen = {}

---Evenly between two bounds, both included.
---
---    amount = tm.gen.uniform(1, 500, "decimal(10,2)")
---@param min number
---@param max number
---@param options? tidemill.type|{ type: tidemill.type?, nulls: number? } type: double (default), int, int64 or decimal(p,s); nulls: share of the rows without a value
---@return tidemill.GeneratedField
function gen.uniform(min, max, options) end

---Normally distributed around a mean. What falls outside of min and max is put on them.
---
---    height = tm.gen.normal(170, 10, { min = 100, max = 230, type = "int" })
---@param mean number
---@param stddev number
---@param options? tidemill.type|{ type: tidemill.type?, min: number?, max: number?, nulls: number? } type: double (default), int, int64 or a decimal of up to 15 digits
---@return tidemill.GeneratedField
function gen.normal(mean, stddev, options) end

---Whole numbers from `start` (default 0) on: number n comes 1/n^zipf as often as the first.
---
---    product = tm.gen.zipf { distinct = 1000, zipf = 1.1 }
---@param options { distinct: integer, zipf: number?, start: integer?, nulls: number? } zipf: default 1; 0 is even
---@return tidemill.GeneratedField
function gen.zipf(options) end

---One of a list, each as likely, or as its weight says.
---
---    country = tm.gen.choice({ "FR", "DE", "US" }, { weights = { 5, 3, 2 } })
---@param choices (string|number|boolean)[]
---@param options? { weights: number[]?, type: tidemill.type?, nulls: number? } type: what else than string, bool, int or double the values are
---@return tidemill.GeneratedField
function gen.choice(choices, options) end

---Always the same value.
---
---    price = tm.gen.constant("1.50", { type = "decimal(10,2)" })
---@param value string|number|boolean
---@param options? { type: tidemill.type?, nulls: number? }
---@return tidemill.GeneratedField
function gen.constant(value, options) end

---True in a share of the rows, half of them when not given.
---
---    is_returned = tm.gen.bool { share = 0.02 }
---@param options? { share: number?, nulls: number? }
---@return tidemill.GeneratedField
function gen.bool(options) end

---Texts in the form of random UUIDs (version 4).
---
---    order_id = tm.gen.uuid()
---@param options? { nulls: number? }
---@return tidemill.GeneratedField
function gen.uuid(options) end

---Texts of random characters.
---
---    token = tm.gen.string { length = { 8, 12 }, alphabet = "0123456789abcdef" }
---@param options? { length: integer|integer[]|nil, alphabet: string?, nulls: number? } length: characters, default 16, or { from, to }; alphabet: ASCII, default small letters and digits
---@return tidemill.GeneratedField
function gen.string(options) end

---Text in which each # is a digit of a number below `distinct`; low numbers more often with `zipf`.
---
---    user_id = tm.gen.pattern("u######", { zipf = 0.9, distinct = 1000000 })
---@param pattern string
---@param options? { zipf: number?, distinct: integer?, nulls: number? }
---@return tidemill.GeneratedField
function gen.pattern(pattern, options) end

---Row i is at start (default 2026-01-01) + i * step; a share of the rows (default 0.25) is set back by up to `disorder`.
---
---    ts = tm.gen.timestamp { step = "1ms", disorder = "2s", late_share = 0.1, start = "2026-01-01" }
---@param options? { step: tidemill.duration?, disorder: tidemill.duration?, late_share: number?, start: string|integer|nil, nulls: number? }
---@return tidemill.GeneratedField
function gen.timestamp(options) end

---A number that grows with the row. The input ends behind the row with `last`.
---
---    id = tm.gen.sequence { start = 1, last = 1000 }
---@param options? { start: integer?, step: integer?, last: integer?, type: tidemill.type?, nulls: number? } type: int (default) or int64
---@return tidemill.GeneratedField
function gen.sequence(options) end

---@class tidemill.Stream
local stream = {}

---One row for each row: assign fields of `e` and return it, or return a table; nil drops the row.
---
---    stream:map(function(e) return { word = e.line:lower() } end)
---@param fn fun(e: tidemill.record, out: tidemill.side_out): table?
---@return tidemill.Stream
function stream:map(fn) end

---Any number of rows for each row.
---
---    stream:flat_map(function(e, out) for word in e.line:gmatch("%w+") do out { word = word } end end)
---@param fn fun(e: tidemill.record, out: tidemill.out)
---@return tidemill.Stream
function stream:flat_map(fn) end

---The rows for which the function gives true.
---
---    stream:filter(function(e) return e.amount > 10 end)
---@param fn fun(e: tidemill.record, out: tidemill.side_out): boolean?
---@return tidemill.Stream
function stream:filter(fn) end

---The rows that the function of the map, flat_map or filter just added gives to a side output, by out("tag", row); their columns
---are those of the rows given to it. Called right behind the operator.
---
---    local good = stream:filter(function(e, out) if e.amount == nil then out("bad", e) end return e.amount ~= nil end)
---    good:side("bad"):to(tm.file { path = "bad.jsonl" })
---@param tag string
---@return tidemill.Stream
function stream:side(tag) end

---Only these columns, in this order.
---
---    stream:select("user_id", "amount")
---@param ... string
---@return tidemill.Stream
function stream:select(...) end

---All columns but these.
---
---    stream:drop("note")
---@param ... string
---@return tidemill.Stream
function stream:drop(...) end

---Adds or replaces columns.
---
---    stream:assign { with_tax = function(e) return e.amount * "1.2" end }
---@param columns table<string, fun(e: tidemill.record): any>
---@return tidemill.Stream
function stream:assign(columns) end

---Rows of one key go to one subtask; what follows keeps its state per key. A key made by a function is the column `key`,
---or `name`.
---
---    stream:key_by("user_id")
---    stream:key_by { "country", "city" }
---    stream:key_by(function(e) return e.email:match("@(.*)") end, "domain")
---@param key string|string[]|fun(e: tidemill.record): any
---@param name? string
---@return tidemill.Stream
function stream:key_by(key, name) end

---The rows of several streams with the same columns.
---
---    a:union(b, c)
---@param ... tidemill.Stream
---@return tidemill.Stream
function stream:union(...) end

---Says which field is the event time, and how far rows may come out of order (default 0). A source that is silent for
---`idle` (default "30s", false: never) does not hold back time.
---
---    stream:watermark("ts", { out_of_order = "5s" })
---@param field string
---@param options? { out_of_order: tidemill.duration?, idle: tidemill.duration|false? }
---@return tidemill.Stream
function stream:watermark(field, options) end

---Spreads the rows evenly over the subtasks of what follows: whole batches, in turn.
---
---    stream:rebalance():map(score)
---@return tidemill.Stream
function stream:rebalance() end

---Every row goes to every subtask of what follows.
---
---    rules:broadcast():map(match)
---@return tidemill.Stream
function stream:broadcast() end

---Rows stay in their subtask: what follows has the same parallelism. An error at the start where it has not.
---
---    stream:forward():map(score)
---@return tidemill.Stream
function stream:forward() end

---The function gives the number of the subtask of what follows, from 0; modulo how many there are. What is no whole number is
---an error of its row.
---
---    stream:partition(function(e) return e.shard end):map(score)
---@param fn fun(e: tidemill.record): integer
---@return tidemill.Stream
function stream:partition(fn) end

---Says whether the operator just added runs in one task with the one that it follows: "always" is an error at the start where it
---cannot, "never" gives it a task of its own. Without it the plan decides.
---
---    stream:map(slow):chain("never")
---@param mode "always"|"never"
---@return tidemill.Stream
function stream:chain(mode) end

---Shows the first rows that pass, on standard error, and passes all of them on.
---
---    stream:peek("after the filter", { limit = 3 })
---@param name? string
---@param options? { limit: integer? } rows to show, of all subtasks; default 10
---@return tidemill.Stream
---@overload fun(self: tidemill.Stream, options: { limit: integer? }): tidemill.Stream
function stream:peek(name, options) end

---Names the operator just added: its identity in checkpoints and reports.
---
---    stream:map(score):named("score")
---@param name string
---@return tidemill.Stream
function stream:named(name) end

---Subtasks of the operator just added.
---
---    stream:map(score):parallelism(8)
---@param n integer 1 to 1024
---@return tidemill.Stream
function stream:parallelism(n) end

---What an error in the operator just added does: "fail" stops the job (default), "skip" drops the row, a sink gets it as a
---dead letter.
---
---    stream:map(parse):on_error(tm.file { path = "dead.jsonl" })
---@param on_error tidemill.on_error
---@return tidemill.Stream
function stream:on_error(on_error) end

---Declares the columns of the map, flat_map or side output just added, where they cannot be read from the function.
---
---    stream:map(function(e) return { [e.k] = e.v } end):returns { a = "int", b = "int" }
---@param fields tidemill.fields|tidemill.Schema
---@return tidemill.Stream
function stream:returns(fields) end

---Where the rows go. Gives the same stream, so that it can go to several sinks.
---
---    stream:to(tm.print())
---@param sink tidemill.Connector
---@return tidemill.Stream
function stream:to(sink) end

---@class tidemill.rolling.options
---@field emit? "every"|"final" a row for every input row (default), or one per key at the end of input
---@field as? string name of the result's column; default: the operator's
---@field name? string of the operator

---Rows per key. Needs key_by right before it, as all of the following.
---
---    stream:key_by("word"):count { emit = "final" }
---@param options? tidemill.rolling.options
---@return tidemill.Stream
function stream:count(options) end

---Sum of a field per key: int, int64, double; decimal(p,s) gives decimal(38,s).
---
---    stream:key_by("user_id"):sum("amount", { as = "total" })
---@param field string
---@param options? tidemill.rolling.options
---@return tidemill.Stream
function stream:sum(field, options) end

---Least value of a field per key.
---
---    stream:key_by("city"):min("temperature")
---@param field string
---@param options? tidemill.rolling.options
---@return tidemill.Stream
function stream:min(field, options) end

---Greatest value of a field per key.
---
---    stream:key_by("city"):max("temperature")
---@param field string
---@param options? tidemill.rolling.options
---@return tidemill.Stream
function stream:max(field, options) end

---Mean of a field per key: double; of decimals decimal(38, max(s, 6)).
---
---    stream:key_by("city"):avg("temperature")
---@param field string
---@param options? tidemill.rolling.options
---@return tidemill.Stream
function stream:avg(field, options) end

---The first of equal rows of a key; the others are filtered. With `ttl` a row may come again that long after it went on
---(processing time); without one all are remembered.
---
---    stream:key_by("user_id"):distinct { ttl = "1h" }
---@param options? { ttl: tidemill.duration?, name: string? }
---@return tidemill.Stream
function stream:distinct(options) end

---The first row of a key with these fields; null is a value of its own. `ttl` as of distinct.
---
---    stream:key_by("user_id"):dedup("order_id", "1h")
---    stream:key_by("user_id"):dedup({ "order_id", "line" }, { ttl = "1d", name = "orders" })
---@param fields string|string[]
---@param options? tidemill.duration|{ ttl: tidemill.duration?, name: string? }
---@return tidemill.Stream
function stream:dedup(fields, options) end

---@class tidemill.extreme.options
---@field emit? "every"|"final" a row for every input row (default), or one per key at the end of input
---@field name? string of the operator

---The whole row with the least value of a field, per key: the first of several; rows without a value are filtered.
---
---    stream:key_by("city"):min_by("temperature", { emit = "final" })
---@param field string
---@param options? tidemill.extreme.options
---@return tidemill.Stream
function stream:min_by(field, options) end

---The whole row with the greatest value of a field, per key: the first of several; rows without a value are filtered.
---
---    stream:key_by("city"):max_by("temperature")
---@param field string
---@param options? tidemill.extreme.options
---@return tidemill.Stream
function stream:max_by(field, options) end

---The n rows of each key with the greatest values of a field (`order = "asc"`: the least), the earlier of equal ones first. The
---rows are changes: +I comes in, -D falls out; with `rank`, a column that holds the place from 1, -U and +U for a place that has
---another row now. `emit = "final"` gives the ranking at the end of input instead, as plain rows.
---
---    stream:key_by("country"):top(3, "amount", { rank = "place", emit = "final" })
---@param n integer 1 to 10,000
---@param by string
---@param options? { order: "desc"|"asc"?, rank: string?, emit: "every"|"final"?, name: string? }
---@return tidemill.Stream
function stream:top(n, by, options) end

---Several aggregates over all rows of a key so far: the key's columns, then the aggregates in the order of the text.
---
---    stream:key_by("user_id"):aggregate("totals", { n = tm.count(), total = tm.sum("amount") }, { emit = "final" })
---@param name string
---@param aggregates table<string, tidemill.Aggregate|tidemill.List>
---@param options? { emit: "every"|"final"? }
---@return tidemill.Stream
---@overload fun(self: tidemill.Stream, aggregates: table<string, tidemill.Aggregate|tidemill.List>, options?: { emit: "every"|"final"? }): tidemill.Stream
function stream:aggregate(name, aggregates, options) end

---Folds the rows of a key into one row of the same columns; the first row stands for itself.
---
---    stream:key_by("user"):reduce("largest", function(a, e) if e.amount > a.amount then return e end return a end)
---@param name string
---@param fn fun(a: tidemill.record, e: tidemill.record): table
---@param options? { emit: "every"|"final"?, name: string? }
---@return tidemill.Stream
---@overload fun(self: tidemill.Stream, fn: fun(a: tidemill.record, e: tidemill.record): table, options?: { emit: "every"|"final"?, name: string? }): tidemill.Stream
function stream:reduce(name, fn, options) end

---Cuts the rows of each key into windows of event time. Needs a watermark above.
---
---    stream:key_by("user_id"):window(tm.sliding("10m", "1m")):aggregate("spend", { total = tm.sum("amount") })
---@param window tidemill.Window
---@return tidemill.WindowedStream
function stream:window(window) end

---@class tidemill.WindowedStream
local windowed = {}

---One row per key and window: the key's columns, window_start, window_end, the aggregates in the order of the text.
---
---    :aggregate("spend", { n = tm.count(), total = tm.sum("amount"), largest = tm.max("amount") })
--- A custom aggregate stands alone and has columns of its own: `:aggregate("speed", tm.aggregate { ... })`.
---@param name string
---@param aggregates table<string, tidemill.Aggregate|tidemill.List>|tidemill.CustomAggregate
---@return tidemill.Stream
---@overload fun(self: tidemill.WindowedStream, aggregates: table<string, tidemill.Aggregate|tidemill.List>|tidemill.CustomAggregate): tidemill.Stream
function windowed:aggregate(name, aggregates) end

---Windows that follow each other.
---
---    tm.tumbling("1d", { offset = "-8h" })
---@param size tidemill.duration
---@param options? { offset: tidemill.duration? }
---@return tidemill.Window
function tm.tumbling(size, options) end

---Windows of `size` that begin every `slide`.
---
---    tm.sliding("10m", "1m")
---@param size tidemill.duration
---@param slide tidemill.duration
---@param options? { offset: tidemill.duration? }
---@return tidemill.Window
function tm.sliding(size, slide, options) end

---Rows in the window.
---
---    n = tm.count()
---@return tidemill.Aggregate
function tm.count() end

---Sum of a field.
---
---    total = tm.sum("amount")
---@param field string
---@return tidemill.Aggregate
function tm.sum(field) end

---Mean of a field.
---
---    mean = tm.avg("amount")
---@param field string
---@return tidemill.Aggregate
function tm.avg(field) end

---Least value of a field.
---
---    least = tm.min("amount")
---@param field string
---@return tidemill.Aggregate
function tm.min(field) end

---Greatest value of a field.
---
---    largest = tm.max("amount")
---@param field string
---@return tidemill.Aggregate
function tm.max(field) end

---Value of the row that arrived first, of those where it is not null.
---
---    opened = tm.first("price")
---@param field string
---@return tidemill.Aggregate
function tm.first(field) end

---Value of the row that arrived last, of those where it is not null.
---
---    closed = tm.last("price")
---@param field string
---@return tidemill.Aggregate
function tm.last(field) end

---How many different values a field has. Exact: the values of a key and window are kept, 8 to 25 bytes each, up to 25 million.
---With `approximate = true` an estimate: exact to 768 values, then within 1.15 % (standard error) in 8 KB a key and window.
---Takes bool, numbers, decimals, strings, bytes and timestamps; 0 and -0 are one value.
---
---    countries = tm.count_distinct("country")
---    visitors = tm.count_distinct("user_id", { approximate = true })
---@param field string
---@param options? { approximate: boolean? }
---@return tidemill.Aggregate
function tm.count_distinct(field, options) end

---The value that the share `q` of the values does not exceed: of n values that of rank ceil(q * n), within 0.8 % of it; the
---least and the greatest exactly. A double. Takes about 1 KB a key and window, at most 64 KB. Several quantiles of one field
---cost as much as one.
---
---    p99 = tm.quantile("latency", 0.99)
---@param field string int, int64, double or decimal
---@param q number 0 to 1
---@return tidemill.Aggregate
function tm.quantile(field, q) end

---`tm.quantile(field, 0.5)`.
---
---    usual = tm.median("latency")
---@param field string int, int64, double or decimal
---@return tidemill.Aggregate
function tm.median(field) end

---Standard deviation, a double: of what the values are a sample of (null for a single value), or with `population = true`
---of the values themselves.
---
---    spread = tm.stddev("amount")
---@param field string int, int64, double or decimal
---@param options? { population: boolean? }
---@return tidemill.Aggregate
function tm.stddev(field, options) end

---The square of tm.stddev.
---
---    var = tm.variance("amount", { population = true })
---@param field string int, int64, double or decimal
---@param options? { population: boolean? }
---@return tidemill.Aggregate
function tm.variance(field, options) end

---Value of `field` in the row where `by` is least; of several such rows, in the one that arrived first. Rows where `by` is
---null are left out; the value is null where that row's is.
---
---    cheapest = tm.min_by("item", "price")
---@param field string
---@param by string
---@return tidemill.Aggregate
function tm.min_by(field, by) end

---Value of `field` in the row where `by` is greatest; see tm.min_by.
---
---    dearest = tm.max_by("item", "price")
---@param field string
---@param by string
---@return tidemill.Aggregate
function tm.max_by(field, by) end

return tm
