---@meta tidemill
-- Types of `require "tidemill"` for the Lua language server, and the source of docs/reference: docs/reference/definitions.py says
-- what examples and page markers mean.

-- # job: Jobs
-- What a script begins with: a job, its arguments, and the shape of records.

---@class tidemill
---@field null tidemill.Null the null of a field where nil cannot be written
---@field gen tidemill.gen fields of tm.generate
---@field trigger tidemill.trigger when windows give their rows
---@field evict tidemill.evict what windows lose when they fire
---@field text tidemill.text strings (text.lua)
---@field mask tidemill.mask parts of strings made unreadable
---@field encode tidemill.encode strings as base64, JSON, URLs, ...
---@field decode tidemill.decode and back
---@field time tidemill.time moments and numbers (values.lua)
---@field number tidemill.number numbers from and to text, rounding
---@field hash tidemill.hash digests
---@field ip tidemill.ip addresses and networks
---@field url tidemill.url parts of URLs
---@field geo tidemill.geo places on the earth
---@field args table<string, string> values of `tidemill run job.lua --set name=value`; nil when not given
local tm = {}

---@class tidemill.Null

-- # types: Types of arguments
-- Types that the other pages name.

---A text such as "250ms", "5s", "10m", "1h", "1d", or whole milliseconds.
---@alias tidemill.duration string|integer
---A text such as "64KB", "128MB", "1GB", in powers of 1024, or bytes.
---@alias tidemill.size string|integer
---The type of a field.
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
---A field with more than a type.
---@class tidemill.field
---@field [1] tidemill.type
---@field required? boolean null or missing is an error of the record
---@field rename? string sources: the field's name there
---@field default? any sources: its value where it is null or missing
---Names of columns with their types.
---@alias tidemill.fields table<string, tidemill.type|tidemill.field>
---What becomes of a row or record that is an error: it stops the job, is dropped and counted, or goes to a sink as a dead letter.
---@alias tidemill.on_error "fail"|"skip"|tidemill.Connector
---A name, what tm.csv or tm.json gives, or a function: of a source from a line to a row, of a sink from a row to a line.
---@alias tidemill.format "json"|"csv"|"msgpack"|"text"|"raw"|table|fun(line: string): table|fun(row: any): string
---@alias tidemill.record table a typed row; valid during the call
---A random number: from 0 to below 1; from 1 to m; from m to n.
---@alias tidemill.random fun(m: integer?, n: integer?): number

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
---@class tidemill.List the type of a list, an aggregate, or a state
---@class tidemill.Map the type of a map, or a state

-- # job: Jobs

---A named job. Nothing runs while the script is evaluated: it builds a graph.
---
---    local job = tm.job("audit", { parallelism = 2, on_error = "skip" })
---    return job:from(tm.lines()):to(tm.print())
---    --> {"line":"the cat"}
---    --> {"line":"the hat"}
---@param name string
---@param options? { parallelism: integer?, max_parallelism: integer?, latency: tidemill.duration?, batch_timeout: (false|tidemill.duration)?, lua_memory: tidemill.size?, flush_processing_time_on_end: boolean?, checkpoint: (false|tidemill.duration|{ interval: tidemill.duration?, timeout: tidemill.duration?, aligned_timeout: (false|tidemill.duration)?, retain: integer? })?, restart: (false|string|{ strategy: string?, delay: tidemill.duration?, max_delay: tidemill.duration?, factor: number?, jitter: number?, attempts: integer?, reset_after: tidemill.duration?, failures: integer?, interval: tidemill.duration? })?, on_error: tidemill.on_error? } parallelism: subtasks, default the number of cores; max_parallelism: key groups; latency: how long a row may wait for others, default "5ms"; batch_timeout: an operator that is busy with one batch for longer hangs, and its process is started again (default "30s"; false: never); lua_memory: what the tables and texts of the functions may take in each thread, default "1GB", at least "16MB"; flush_processing_time_on_end: when the input ends, what waits for the clock fires, default false: it is let go; checkpoint: how often the job saves where it is in .tidemill/JOB, to go on from there (default every 30 s where all sources can be read again): an interval, false for never, or a table with interval, timeout (default "10m"), aligned_timeout (default "5s"; then barriers overtake rows that wait, which are saved with the checkpoint; false: they wait) and retain, how many are kept (default 3); restart: what happens when the job fails, where it takes checkpoints: "exponential" (the default), "fixed", "rate", "none" or false, or a table with strategy and what it takes: delay (default "1s"), max_delay ("1m"), factor (1.5), jitter (0.1), attempts, reset_after ("1h"), failures (5), interval ("10m"); on_error: default of all operators
---@return tidemill.Job
function tm.job(name, options) end

---What tm.job gives; `job` in the examples.
---
---    local job = tm.job("examples")
---@class tidemill.Job
local job = {}

---The stream of a source.
---
---    job:from(tm.lines()):to(tm.print())
---    --> {"line":"the cat"}
---    --> {"line":"the hat"}
---@param source tidemill.Connector
---@return tidemill.Stream
function job:from(source) end

---The stream of a source, in a job named after the file.
---
---    return tm.from(tm.lines()):to(tm.print())
---    --> {"line":"the cat"}
---    --> {"line":"the hat"}
---@param source tidemill.Connector
---@return tidemill.Stream
function tm.from(source) end

---Columns with their types, in the order of the text.
---
---    local Order = tm.schema { user = "string", amount = { "decimal(10,2)", required = true }, ts = "timestamp" }
---    return tm.from(tm.file { path = "orders.jsonl", schema = Order }):filter(function(e) return e.amount > 50 end)
---    --> {"user":"bob","amount":99.99,"ts":"2026-01-01T10:00:20.000Z"}
---@param fields tidemill.fields
---@return tidemill.Schema
function tm.schema(fields) end

---The type of a list, for schemas and `:returns`.
---
---    local Tagged = tm.schema { id = "int", tags = tm.list("string"), items = tm.list { sku = "string", quantity = "int" } }
---    return stream:filter(function(e) return e.id < 3 end)
---      :map(function(e) return { id = e.id, tags = { e.user, e.country }, items = { { sku = "a1", quantity = 2 } } } end)
---      :returns(Tagged)
---    --> {"id":1,"tags":["ann","FR"],"items":[{"sku":"a1","quantity":2}]}
---    --> {"id":2,"tags":["bob","DE"],"items":[{"sku":"a1","quantity":2}]}
---
---In an aggregate it is the values of a field, in order of arrival: all of them (at most 100,000), or the first `limit`.
---
---    return stream:watermark("ts"):key_by("country"):window(tm.tumbling("1d"))
---      :aggregate("orders", { ids = tm.list("id"), first = tm.list("user", { limit = 1 }) }):drop("window_start", "window_end")
---    --> {"country":"DE","ids":[2,4],"first":["bob"]}
---    --> {"country":"FR","ids":[1,3],"first":["ann"]}
---As a state of a process it is a list of each key.
---@param item string|table|tidemill.Schema the type of its items; of an aggregate, the name of a field
---@param options? { limit: integer?, ttl: tidemill.duration|"never"|nil, clock: "processing"|"event"|nil, refresh: "write"|"access"|nil } limit: of an aggregate; ttl, clock, refresh: of a state, how long each value is kept
---@return tidemill.List
function tm.list(item, options) end

---The type of a map: of values by key, where a struct has fields that are known.
---
---    local Page = tm.schema { id = "int", headers = tm.map("string", "string") }
---    return stream:filter(function(e) return e.id < 3 end)
---      :map(function(e) return { id = e.id, headers = { ["Content-Type"] = "text/html", From = e.user } } end):returns(Page)
---    --> {"id":1,"headers":{"Content-Type":"text/html","From":"ann"}}
---    --> {"id":2,"headers":{"Content-Type":"text/html","From":"bob"}}
---As a state of a process it is a map of each key.
---@param key string its type: "string", "int" or "int64"; of a state all but nested ones
---@param value string|table|tidemill.Schema the type of its values
---@param options? tidemill.ttl of a state: how long each entry is kept
---@return tidemill.Map
function tm.map(key, value, options) end

---Marks a table as an array, also when it is empty, for a column of type any: `{}` alone is an empty object.
---It is as long as its largest key, with null where it has nothing.
---
---    stream:filter(function(e) return e.id < 3 end)
---      :map(function(e) return { id = e.id, answer = { ids = tm.array {}, none = {} } } end):returns { id = "int", answer = "any" }
---    --> {"id":1,"answer":{"ids":[],"none":{}}}
---    --> {"id":2,"answer":{"ids":[],"none":{}}}
---@param t table
---@return table t
function tm.array(t) end

---Declares an argument of the job, shown by `tidemill run job.lua --help`. A value given by --set takes the type of the
---default.
---
---    local least = tm.arg("least", 30, "amounts below are left out")
---    return stream:filter(function(e) return e.amount >= least end):select("user", "amount")
---    --> {"user":"bob","amount":99.99}
---    --> {"user":"cyd","amount":30.00}
---@generic T: string|number|boolean|nil
---@param name string
---@param default? T
---@param doc? string
---@return T
function tm.arg(name, default, doc) end

---A copy of a record that may be kept. `e:copy()` is the same, unless a field is called copy.
---
---    local before
---    return stream:map(function(e)
---      local last = before
---      before = tm.copy(e)
---      return { user = e.user, after = last and last.user }
---    end)
---    --> {"user":"ann","after":null}
---    --> {"user":"bob","after":"ann"}
---    --> {"user":"ann","after":"bob"}
---    --> {"user":"cyd","after":"ann"}
---@param record tidemill.record
---@return table
function tm.copy(record) end

-- # sources: Sources
-- What `tm.from` and `job:from` take. Every source has `name`, which reports and messages call it by, and `on_error`.

---Standard input, one record per line: a bare string to functions, field `line` by name.
---
---    tm.from(tm.lines()):flat_map(function(line, out) for word in line:gmatch("%w+") do out { word = word } end end)
---    --> {"word":"the"}
---    --> {"word":"cat"}
---    --> {"word":"the"}
---    --> {"word":"hat"}
---@param options? { name: string?, renamed_from: string?, on_error: tidemill.on_error?, max_record: tidemill.size?, format: "text"?, schema: nil }
---@return tidemill.Connector source
function tm.lines(options) end

---Standard input with a format: text without a schema, JSON Lines with one. With `format = "json"` and no schema, it is inferred
---from the first records; `schema = "any"` takes records of any shape.
---
---    tm.from(tm.stdin { format = "json", schema = { id = "int", user = "string" } })
---    --> {"id":1,"user":"ann"}
---    --> {"id":2,"user":"bob"}
---    --> {"id":3,"user":"ann"}
---    --> {"id":4,"user":"cyd"}
---@param options? { format: tidemill.format?, schema: (tidemill.Schema|tidemill.fields|"any")?, name: string?, renamed_from: string?, on_error: tidemill.on_error?, max_record: tidemill.size? }
---@return tidemill.Connector source
function tm.stdin(options) end

---@class tidemill.file.options
---@field path string relative to the working directory; source: a file, a folder or a pattern; sink: a file, or a folder of part files; `.gz` and `.zst` are compressed
---@field format? tidemill.format guessed from the suffix when absent
---@field schema? tidemill.Schema|tidemill.fields|"any" sources: inferred from the first records when absent; "any": records without a shape; a sink checks that its rows have it
---@field name? string default: the file's name
---@field renamed_from? string its name in older checkpoints
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
---    tm.from(tm.file { path = "*.jsonl", schema = { id = "int", user = "string" } })
---      :to(tm.file { path = "users.csv", if_exists = "replace" })
---@param options tidemill.file.options
---@return tidemill.Connector
function tm.file(options) end

---Rows made up from a seed: row i depends on seed and i alone, at every parallelism.
---
---    tm.from(tm.generate { count = 2, seed = 1, fields = { n = tm.gen.sequence(), user = tm.gen.pattern("u####") } })
---    --> {"n":0,"user":"u1365"}
---    --> {"n":1,"user":"u8861"}
---
---A field may be a function of the row's number (from 0) and of a `random(m, n)` as math.random; a function in place of the table
---makes whole rows.
---
---    tm.from(tm.generate { count = 2, fields = function(i, random) return { id = i, dice = random(6) } end })
---    --> {"id":0,"dice":2}
---    --> {"id":1,"dice":1}
---@param options { fields: table<string, tidemill.GeneratedField|fun(i: integer, random: tidemill.random): any>|fun(i: integer, random: tidemill.random): table, rate: number?, count: integer?, seed: integer?, name: string?, renamed_from: string?, on_error: tidemill.on_error? } rate: rows per second, default as fast as possible; count: rows, default without end
---@return tidemill.Connector source
function tm.generate(options) end

-- # sinks: Sinks
-- What `stream:to` takes. `tm.file` on the page of sources is a sink too.

---For people: a table on a terminal, JSON Lines in a pipe.
---
---    stream:select("id", "user"):to(tm.print())
---    --> {"id":1,"user":"ann"}
---    --> {"id":2,"user":"bob"}
---    --> {"id":3,"user":"ann"}
---    --> {"id":4,"user":"cyd"}
---@param options? { format: tidemill.format?, schema: tidemill.Schema|tidemill.fields?, name: string?, renamed_from: string?, on_error: tidemill.on_error?, nulls: "write"|"omit"?, timestamp: "iso"|"ms"? }
---@return tidemill.Connector sink
function tm.print(options) end

---A function as a sink: `write` is called with each row, on the thread of its subtask, and with nothing else; `open` before the
---first row and `close` behind the last, once in each subtask. What they share is captured variables, one set for each thread.
---`op` is what a row of a stream of changes is (those of `top`): "+I" it comes in, "-D" it goes, "-U" and "+U" it was and is; nil
---where rows are no changes.
---
---    local sums = {}
---    stream:to(tm.sink {
---      write = function(e) sums[e.country] = (sums[e.country] or 0) + e.amount end,
---      close = function() for country, sum in pairs(sums) do print(country, sum) end end,
---    })
---@param options { write: fun(e: tidemill.record, op: "+I"|"-U"|"+U"|"-D"|nil), open: fun()?, close: fun()?, name: string?, renamed_from: string?, on_error: tidemill.on_error?, schema: tidemill.Schema|tidemill.fields? }
---@return tidemill.Connector sink
function tm.sink(options) end

-- # formats: Formats
-- What `format` takes, beside the names of formats.

---CSV with options, for `format`. Without options: commas, double quotes, a header, an empty field is null.
---
---    stream:select("id", "amount", "note"):to(tm.print { format = tm.csv { delimiter = ";", decimal = ",", null = "-" } })
---    --> id;amount;note
---    --> 1;12,50;a gift
---    --> 2;99,99;-
---    --> 3;7,25;no bag
---    --> 4;30,00;
---@param options? { delimiter: string?, quote: string?, escape: "double"|"backslash"|nil, header: boolean?, null: string|string[]|nil, comment: string?, skip_lines: integer?, ragged: "error"|"pad"|"truncate"|"both"|nil, trailing_delimiter: boolean?, decimal: "."|","|nil, bools: string?, quoting: "needed"|"all"|nil, line_end: "lf"|"crlf"|nil }
---@return table
function tm.csv(options) end

---JSON with options. Without them a source reads one object per line, and recognises an array of objects and objects over several
---lines.
---
---    tm.from(tm.file { path = "orders.jsonl", format = tm.json { layout = "lines" }, schema = { id = "int", user = "string" } })
---    --> {"id":1,"user":"ann"}
---    --> {"id":2,"user":"bob"}
---    --> {"id":3,"user":"ann"}
---    --> {"id":4,"user":"cyd"}
---@param options? { layout: "guess"|"lines"|"array"|"pretty"? }
---@return table format
function tm.json(options) end

-- # sinks: Sinks

---Rows are counted and dropped.
---
---    stream:to(tm.discard())
---@param options? { name: string?, renamed_from: string?, on_error: tidemill.on_error?, schema: tidemill.Schema|tidemill.fields?, format: tidemill.format? }
---@return tidemill.Connector sink
function tm.discard(options) end

-- # streams: Streams
-- Operators: each adds itself to the stream and gives the stream behind it.

---Rows on their way from a source to sinks. In the examples `stream` are four orders:
---
---    local stream = tm.from(tm.file { path = "orders.jsonl", schema = { id = "int", user = "string", country = "string",
---      amount = "decimal(10,2)", note = "string", ts = "timestamp" } })
---@class tidemill.Stream
local stream = {}

---One row for each row: assign fields of `e` and return it, or return a table. nil is an error of the row: `filter` drops rows, `flat_map` gives any number.
---
---    stream:map(function(e) return { user = e.user:upper(), cents = e.amount * 100 } end)
---    --> {"user":"ANN","cents":1250.00}
---    --> {"user":"BOB","cents":9999.00}
---    --> {"user":"ANN","cents":725.00}
---    --> {"user":"CYD","cents":3000.00}
---@param fn fun(e: tidemill.record, out: tidemill.side_out): table?
---@return tidemill.Stream
function stream:map(fn) end

---Any number of rows for each row.
---
---    stream:flat_map(function(e, out) for i = 1, #(e.note or "") / 3 do out { id = e.id, part = i } end end)
---    --> {"id":1,"part":1}
---    --> {"id":1,"part":2}
---    --> {"id":3,"part":1}
---    --> {"id":3,"part":2}
---@param fn fun(e: tidemill.record, out: tidemill.out)
---@return tidemill.Stream
function stream:flat_map(fn) end

---The rows for which the function gives true.
---
---    stream:filter(function(e) return e.amount > 20 end):select("id", "amount")
---    --> {"id":2,"amount":99.99}
---    --> {"id":4,"amount":30.00}
---@param fn fun(e: tidemill.record, out: tidemill.side_out): boolean?
---@return tidemill.Stream
function stream:filter(fn) end

---The rows that the function of the map, flat_map or filter just added gives to a side output, by out("tag", row); their columns
---are those of the rows given to it. Called right behind the operator.
---
---    local noted = stream:select("id", "note"):filter(function(e, out)
---      if e.note == nil then out("silent", e) end
---      return e.note ~= nil
---    end)
---    noted:side("silent"):to(tm.file { path = "silent.jsonl", if_exists = "replace" })
---    return noted
---    --> {"id":1,"note":"a gift"}
---    --> {"id":3,"note":"no bag"}
---    --> {"id":4,"note":""}
---@param tag string
---@return tidemill.Stream
function stream:side(tag) end

---Only these columns, in this order.
---
---    stream:select("user", "amount")
---    --> {"user":"ann","amount":12.50}
---    --> {"user":"bob","amount":99.99}
---    --> {"user":"ann","amount":7.25}
---    --> {"user":"cyd","amount":30.00}
---@param ... string
---@return tidemill.Stream
function stream:select(...) end

---All columns but these.
---
---    stream:drop("country", "note", "ts")
---    --> {"id":1,"user":"ann","amount":12.50}
---    --> {"id":2,"user":"bob","amount":99.99}
---    --> {"id":3,"user":"ann","amount":7.25}
---    --> {"id":4,"user":"cyd","amount":30.00}
---@param ... string
---@return tidemill.Stream
function stream:drop(...) end

---Adds or replaces columns.
---
---    stream:select("id", "amount"):assign { with_tax = function(e) return e.amount * "1.2" end }
---    --> {"id":1,"amount":12.50,"with_tax":15.000}
---    --> {"id":2,"amount":99.99,"with_tax":119.988}
---    --> {"id":3,"amount":7.25,"with_tax":8.700}
---    --> {"id":4,"amount":30.00,"with_tax":36.000}
---@param columns table<string, fun(e: tidemill.record): any>
---@return tidemill.Stream
function stream:assign(columns) end

---Rows of one key go to one subtask; what follows keeps its state per key. A key made by a function is the column `key`,
---or `name`.
---
---    stream:key_by("user"):count { emit = "final" }
---    --> {"user":"bob","count":1}
---    --> {"user":"ann","count":2}
---    --> {"user":"cyd","count":1}
---
---    stream:key_by { "country", "user" }:count { emit = "final" }
---    --> {"country":"FR","user":"ann","count":2}
---    --> {"country":"DE","user":"cyd","count":1}
---    --> {"country":"DE","user":"bob","count":1}
---
---    stream:key_by(function(e) return e.user:sub(1, 1) end, "initial"):count { emit = "final" }
---    --> {"initial":"b","count":1}
---    --> {"initial":"c","count":1}
---    --> {"initial":"a","count":2}
---@param key string|string[]|fun(e: tidemill.record): any
---@param name? string
---@return tidemill.Stream
function stream:key_by(key, name) end

---The rows of several streams with the same columns. Of a stream that is given twice, each row comes twice.
---
---    local german = stream:filter(function(e) return e.country == "DE" end)
---    local large = stream:filter(function(e) return e.amount > 50 end)
---    return german:union(large):key_by("id"):count { emit = "final" }
---    --> {"id":2,"count":2}
---    --> {"id":4,"count":1}
---@param ... tidemill.Stream
---@return tidemill.Stream
function stream:union(...) end

---Says which field is the event time, or gives it by a function, and how far time is. `out_of_order`: how far rows may come out of
---order (default 0: times only rise). `idle` (default "30s", false: never): a source that is silent for so long does not hold back
---time. `generator`: one of your own, made by tm.watermarks, instead of `out_of_order`. `interval` (default "200ms"): how often it is
---asked while no rows come, and when silence begins. `align`: sources and files of one group wait for each other, so that none is
---more than `drift` ahead of the slowest.
---
---    stream:watermark("ts", { out_of_order = "5s" }):key_by("user")
---      :window(tm.tumbling("1m")):aggregate("orders", { n = tm.count() }):drop("window_end")
---    --> {"user":"bob","window_start":"2026-01-01T10:00:00.000Z","n":1}
---    --> {"user":"ann","window_start":"2026-01-01T10:00:00.000Z","n":1}
---    --> {"user":"ann","window_start":"2026-01-01T10:01:00.000Z","n":1}
---    --> {"user":"cyd","window_start":"2026-01-01T10:01:00.000Z","n":1}
---
---    stream:watermark(function(e) return e.ts + 3600000 end):key_by("user")
---      :window(tm.tumbling("1d")):aggregate("orders", { n = tm.count() }):select("user", "n")
---    --> {"user":"bob","n":1}
---    --> {"user":"ann","n":2}
---    --> {"user":"cyd","n":1}
---@param field string|fun(e: tidemill.record): number a field of type timestamp, or a function that gives ms since 1970
---@param options? { out_of_order: tidemill.duration?, idle: tidemill.duration|false?, interval: tidemill.duration?, generator: tidemill.Watermarks?, align: { group: string, drift: tidemill.duration }? }
---@return tidemill.Stream
function stream:watermark(field, options) end

---Spreads the rows evenly over the subtasks of what follows: whole batches, in turn.
---
---    stream:rebalance():map(function(e) return { id = e.id, shouted = e.user:upper() } end)
---    --> {"id":1,"shouted":"ANN"}
---    --> {"id":2,"shouted":"BOB"}
---    --> {"id":3,"shouted":"ANN"}
---    --> {"id":4,"shouted":"CYD"}
---@return tidemill.Stream
function stream:rebalance() end

---Every row goes to every subtask of what follows.
---
---    stream:select("id"):broadcast():map(function(e) return { id = e.id } end):parallelism(1)
---    --> {"id":1}
---    --> {"id":2}
---    --> {"id":3}
---    --> {"id":4}
---@return tidemill.Stream
function stream:broadcast() end

---Rows stay in their subtask: what follows has the same parallelism. An error at the start where it has not.
---
---    stream:forward():map(function(e) return { id = e.id } end)
---    --> {"id":1}
---    --> {"id":2}
---    --> {"id":3}
---    --> {"id":4}
---@return tidemill.Stream
function stream:forward() end

---The function gives the number of the subtask of what follows, from 0; modulo how many there are. What is no whole number is
---an error of its row.
---
---    stream:partition(function(e) return e.id % 2 end):map(function(e) return { id = e.id } end)
---    --> {"id":1}
---    --> {"id":2}
---    --> {"id":3}
---    --> {"id":4}
---@param fn fun(e: tidemill.record): integer
---@return tidemill.Stream
function stream:partition(fn) end

---Says whether the operator just added runs in one task with the one that it follows: "always" is an error at the start where it
---cannot, "never" gives it a task of its own. Without it the plan decides.
---
---    stream:map(function(e) return { id = e.id } end):chain("never")
---    --> {"id":1}
---    --> {"id":2}
---    --> {"id":3}
---    --> {"id":4}
---@param mode "always"|"never"
---@return tidemill.Stream
function stream:chain(mode) end

---Shows the first rows that pass, on standard error, and passes all of them on.
---
---    stream:filter(function(e) return e.amount > 20 end):peek("after the filter", { limit = 3 }):select("id")
---    --> {"id":2}
---    --> {"id":4}
---@param name? string
---@param options? { limit: integer? } rows to show, of all subtasks; default 10
---@return tidemill.Stream
---@overload fun(self: tidemill.Stream, options: { limit: integer? }): tidemill.Stream
function stream:peek(name, options) end

---Names the operator just added: its identity in checkpoints and reports.
---
---    stream:filter(function(e) return e.note ~= nil end):named("with a note"):select("id", "note")
---    --> {"id":1,"note":"a gift"}
---    --> {"id":3,"note":"no bag"}
---    --> {"id":4,"note":""}
---@param name string
---@return tidemill.Stream
function stream:named(name) end

---The name that the operator just added, or the window, has in older checkpoints: what they keep under it is this one's. Also as the
---option `renamed_from` beside `name`.
---
---    stream:key_by("country"):count():named("orders"):renamed_from("count(country)"):select("country", "count")
---    --> {"country":"FR","count":1}
---    --> {"country":"DE","count":1}
---    --> {"country":"FR","count":2}
---    --> {"country":"DE","count":2}
---@param name string
---@return tidemill.Stream
function stream:renamed_from(name) end

---Subtasks of the operator just added.
---
---    stream:map(function(e) return { id = e.id } end):parallelism(2)
---    --> {"id":1}
---    --> {"id":2}
---    --> {"id":3}
---    --> {"id":4}
---@param n integer 1 to 1024
---@return tidemill.Stream
function stream:parallelism(n) end

---What an error in the operator just added does: "fail" stops the job (default), "skip" drops the row, a sink gets it as a
---dead letter.
---
---    stream:map(function(e) return { id = e.id, length = #e.note } end):on_error("skip")
---    --> {"id":1,"length":6}
---    --> {"id":3,"length":6}
---    --> {"id":4,"length":0}
---@param on_error tidemill.on_error
---@return tidemill.Stream
function stream:on_error(on_error) end

---Declares the columns of the map, flat_map or side output just added, where they cannot be read from the function; behind assign the
---types of columns that it makes. `"any"` behind map and flat_map: their tables are records without a shape.
---
---    stream:map(function(e) return { id = e.id, [e.country] = e.user } end):returns { id = "int", FR = "string", DE = "string" }
---    --> {"id":1,"FR":"ann","DE":null}
---    --> {"id":2,"FR":null,"DE":"bob"}
---    --> {"id":3,"FR":"ann","DE":null}
---    --> {"id":4,"FR":null,"DE":"cyd"}
---
---    stream:select("id", "ts"):assign { minute = function(e) return e.ts - e.ts % 60000 end }:returns { minute = "timestamp" }
---    --> {"id":1,"ts":"2026-01-01T10:00:05.000Z","minute":"2026-01-01T10:00:00.000Z"}
---    --> {"id":2,"ts":"2026-01-01T10:00:20.000Z","minute":"2026-01-01T10:00:00.000Z"}
---    --> {"id":3,"ts":"2026-01-01T10:01:10.000Z","minute":"2026-01-01T10:01:00.000Z"}
---    --> {"id":4,"ts":"2026-01-01T10:01:30.000Z","minute":"2026-01-01T10:01:00.000Z"}
---@param fields tidemill.fields|tidemill.Schema|"any"
---@return tidemill.Stream
function stream:returns(fields) end

---Where the rows go. Gives the same stream, so that it can go to several sinks.
---
---    stream:select("id"):to(tm.file { path = "ids.csv", if_exists = "replace" }):to(tm.print())
---    --> {"id":1}
---    --> {"id":2}
---    --> {"id":3}
---    --> {"id":4}
---@param sink tidemill.Connector
---@return tidemill.Stream
function stream:to(sink) end

-- # keyed: Streams with a key
-- Operators that keep a state for each key. Right before them stands key_by.

---@class tidemill.rolling.options
---@field emit? "every"|"final" a row for every input row (default), or one per key at the end of input
---@field as? string name of the result's column; default: that of the method, `count`, `sum`, ..., whatever the operator is called
---@field name? string of the operator: its identity, not the column's name
---@field renamed_from? string its name in older checkpoints

---Rows per key. Needs key_by right before it, as all of the following.
---
---    stream:key_by("user"):count()
---    --> {"user":"ann","count":1}
---    --> {"user":"bob","count":1}
---    --> {"user":"ann","count":2}
---    --> {"user":"cyd","count":1}
---
---    stream:key_by("user"):count { emit = "final", as = "orders" }
---    --> {"user":"bob","orders":1}
---    --> {"user":"ann","orders":2}
---    --> {"user":"cyd","orders":1}
---@param options? tidemill.rolling.options
---@return tidemill.Stream
function stream:count(options) end

---Sum of a field per key: int, int64, double; decimal(p,s) gives decimal(38,s).
---
---    stream:key_by("user"):sum("amount", { as = "total", emit = "final" })
---    --> {"user":"bob","total":99.99}
---    --> {"user":"ann","total":19.75}
---    --> {"user":"cyd","total":30.00}
---@param field string
---@param options? tidemill.rolling.options
---@return tidemill.Stream
function stream:sum(field, options) end

---Least value of a field per key.
---
---    stream:key_by("country"):min("amount", { emit = "final" })
---    --> {"country":"DE","min":30.00}
---    --> {"country":"FR","min":7.25}
---@param field string
---@param options? tidemill.rolling.options
---@return tidemill.Stream
function stream:min(field, options) end

---Greatest value of a field per key.
---
---    stream:key_by("country"):max("amount", { emit = "final" })
---    --> {"country":"DE","max":99.99}
---    --> {"country":"FR","max":12.50}
---@param field string
---@param options? tidemill.rolling.options
---@return tidemill.Stream
function stream:max(field, options) end

---Mean of a field per key: double; of decimals decimal(38, max(s, 6)).
---
---    stream:key_by("country"):avg("amount", { emit = "final" })
---    --> {"country":"DE","avg":64.995000}
---    --> {"country":"FR","avg":9.875000}
---@param field string
---@param options? tidemill.rolling.options
---@return tidemill.Stream
function stream:avg(field, options) end

---The first of equal rows of a key; the others are filtered. With `ttl` a row may come again that long after it went on
---(processing time); without one, and with "never", all are remembered.
---
---    stream:select("user", "country"):key_by("user"):distinct { ttl = "1h" }
---    --> {"user":"ann","country":"FR"}
---    --> {"user":"bob","country":"DE"}
---    --> {"user":"cyd","country":"DE"}
---@param options? { ttl: tidemill.duration|"never"|nil, name: string?, renamed_from: string? }
---@return tidemill.Stream
function stream:distinct(options) end

---The first row of a key with these fields; null is a value of its own. `ttl` as of distinct.
---
---    stream:select("id", "user", "country"):key_by("user"):dedup("country", "1h")
---    --> {"id":1,"user":"ann","country":"FR"}
---    --> {"id":2,"user":"bob","country":"DE"}
---    --> {"id":4,"user":"cyd","country":"DE"}
---
---    stream:select("id", "country", "note"):key_by("country"):dedup({ "country", "note" }, { ttl = "1d", name = "notes" })
---    --> {"id":1,"country":"FR","note":"a gift"}
---    --> {"id":2,"country":"DE","note":null}
---    --> {"id":3,"country":"FR","note":"no bag"}
---    --> {"id":4,"country":"DE","note":""}
---@param fields string|string[]
---@param options? tidemill.duration|{ ttl: tidemill.duration|"never"|nil, name: string?, renamed_from: string? }
---@return tidemill.Stream
function stream:dedup(fields, options) end

---@class tidemill.extreme.options
---@field emit? "every"|"final" a row for every input row (default), or one per key at the end of input
---@field name? string of the operator
---@field renamed_from? string its name in older checkpoints

---The whole row with the least value of a field, per key: the first of several; rows without a value are filtered.
---
---    stream:select("user", "country", "amount"):key_by("country"):min_by("amount", { emit = "final" })
---    --> {"user":"cyd","country":"DE","amount":30.00}
---    --> {"user":"ann","country":"FR","amount":7.25}
---@param field string
---@param options? tidemill.extreme.options
---@return tidemill.Stream
function stream:min_by(field, options) end

---The whole row with the greatest value of a field, per key: the first of several; rows without a value are filtered.
---
---    stream:select("user", "country", "amount"):key_by("country"):max_by("amount")
---    --> {"user":"ann","country":"FR","amount":12.50}
---    --> {"user":"bob","country":"DE","amount":99.99}
---    --> {"user":"ann","country":"FR","amount":12.50}
---    --> {"user":"bob","country":"DE","amount":99.99}
---@param field string
---@param options? tidemill.extreme.options
---@return tidemill.Stream
function stream:max_by(field, options) end

---The n rows of each key with the greatest values of a field (`order = "asc"`: the least), the earlier of equal ones first. The
---rows are changes: +I comes in, -D falls out; with `rank`, a column that holds the place from 1, -U and +U for a place that has
---another row now. `emit = "final"` gives the ranking at the end of input instead, as plain rows.
---
---    stream:select("id", "country", "amount"):key_by("country"):top(1, "amount", { rank = "place", emit = "final" })
---    --> {"id":2,"country":"DE","amount":99.99,"place":1}
---    --> {"id":1,"country":"FR","amount":12.50,"place":1}
---
---    stream:select("id", "country", "amount"):key_by("country"):top(1, "amount")
---    --> {"op":"+I","id":1,"country":"FR","amount":12.50}
---    --> {"op":"+I","id":2,"country":"DE","amount":99.99}
---@param n integer 1 to 10,000
---@param by string
---@param options? { order: "desc"|"asc"?, rank: string?, emit: "every"|"final"?, name: string?, renamed_from: string? }
---@return tidemill.Stream
function stream:top(n, by, options) end

---Several aggregates over all rows of a key so far: the key's columns, then the aggregates in the order of the text.
---
---    stream:key_by("user"):aggregate("totals", { n = tm.count(), total = tm.sum("amount") }, { emit = "final" })
---    --> {"user":"bob","n":1,"total":99.99}
---    --> {"user":"ann","n":2,"total":19.75}
---    --> {"user":"cyd","n":1,"total":30.00}
---@param name string
---@param aggregates table<string, tidemill.Aggregate|tidemill.List>
---@param options? { emit: "every"|"final"?, renamed_from: string? }
---@return tidemill.Stream
---@overload fun(self: tidemill.Stream, aggregates: table<string, tidemill.Aggregate|tidemill.List>, options?: { emit: "every"|"final"?, renamed_from: string? }): tidemill.Stream
function stream:aggregate(name, aggregates, options) end

---Folds the rows of a key into one row of the same columns; the first row stands for itself. The event time of each result is that of
---the row that came in, whatever its columns say.
---
---    stream:select("user", "amount"):key_by("user")
---      :reduce("largest", function(a, e) if e.amount > a.amount then return e end return a end, { emit = "final" })
---    --> {"user":"bob","amount":99.99}
---    --> {"user":"ann","amount":12.50}
---    --> {"user":"cyd","amount":30.00}
---@param name string
---@param fn fun(a: tidemill.record, e: tidemill.record): table
---@param options? { emit: "every"|"final"?, name: string?, renamed_from: string? }
---@return tidemill.Stream
---@overload fun(self: tidemill.Stream, fn: fun(a: tidemill.record, e: tidemill.record): table, options?: { emit: "every"|"final"?, name: string?, renamed_from: string? }): tidemill.Stream
function stream:reduce(name, fn, options) end

return tm
