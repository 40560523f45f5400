-- What other tools call things: for the hint when somebody writes it here. Only where the nearest name would not lead there.
local elsewhere = {}

local LIMIT = "a stream has no end to count to: pipe the output into `head -n 10`, or :peek looks at the first rows"
local SORT = 'rows come in the order of their input; :key_by(...):top(10, "amount", { emit = "final" }) ranks them'
local JOIN = "streams are not joined yet; :union(other) puts rows of the same columns together"
local UNION = "rows of several streams: :union(other)"
local FILTER = "rows for which a function gives true: :filter(function(e) return e.amount > 10 end)"
local KEY = 'rows of one key together: :key_by("user"), then :count(), :sum("amount"), :aggregate(...)'
local RENAME = ":map(function(e) return { id = e.order_id } end) gives other names; rename in a source's schema too"
local ASSIGN = ":assign { total = function(e) return e.price * e.n end }"
local SELECT = ':select("id", "amount")'
local FIRST = ':key_by("id"):dedup("id"), or :distinct() for whole rows'
local PRINT = ":to(tm.print())"
local WRITE = 'a sink is given to :to, as :to(tm.file { path = "out.jsonl" })'
local EACH = ":to(tm.sink { write = function(e) ... end })"
local EXPLODE = ":flat_map(function(e, out) for _, item in ipairs(e.items) do out { sku = item.sku } end end)"
local WINDOWS = 'windows are :window(tm.tumbling("1m")) and :window(tm.sliding("10m", "1m"))'

---Operators of streams.
elsewhere.operators = {
  limit = LIMIT, head = LIMIT, take = LIMIT, first = LIMIT, sort = SORT, sort_by = SORT, order_by = SORT, orderby = SORT,
  rank = SORT, join = JOIN, left_join = JOIN, connect = JOIN, merge = UNION, concat = UNION, where = FILTER, group_by = KEY,
  groupby = KEY, partition_by = "files by value: the option partition_by of tm.file; " .. KEY, rename = RENAME,
  with_column = ASSIGN, mutate = ASSIGN, project = SELECT, columns = SELECT, unique = FIRST, drop_duplicates = FIRST,
  print = PRINT, show = PRINT, sink = WRITE, write = WRITE, sink_to = WRITE, add_sink = WRITE, foreach = EACH, each = EACH,
  explode = EXPLODE, unnest = EXPLODE, session = WINDOWS, tumble = WINDOWS, tumbling = WINDOWS, sliding = WINDOWS,
  process = "state per key is kept by :reduce, :aggregate and windows",
}

local SOURCES = "sources: tm.lines(), tm.stdin{}, tm.file{}, tm.socket{}, tm.generate{}"
local TYPES = 'types are texts, such as "int", "decimal(10,2)", "timestamp"'

---Names of tm.
elsewhere.library = {
  session = 'windows are tm.tumbling("1m") and tm.sliding("10m", "1m")', tumble = 'tm.tumbling("1m")', hop = 'tm.sliding("10m", "1m")',
  kafka = SOURCES, tcp = "records over TCP: tm.socket { port = 9000 }", http = "rows in HTTP requests: tm.webhook { url = ... }",
  read_csv = 'tm.file { path = "in.csv" }', read_json = 'tm.file { path = "in.jsonl" }', decimal = TYPES, int = TYPES, string = TYPES,
  double = TYPES, timestamp = TYPES, bool = TYPES, any = TYPES, now = "tm.time.now()", regex = "tm.re[[...]]",
  env = "tm.arg(name, default) is an argument of the job, given by --set", percentile = 'tm.quantile("ms", 0.95)',
  stdout = "tm.print()", console = "tm.print()",
}

return elsewhere
