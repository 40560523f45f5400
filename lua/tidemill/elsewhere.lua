-- What other tools call things: for the hint when somebody writes it here. Only where the nearest name would not lead there.
local elsewhere = {}

local LIMIT = "a stream has no end to count to: pipe the output into `head -n 10`, or :peek looks at the first rows"
local SORT = 'rows come in the order of their input; :key_by(...):top(10, "amount", { emit = "final" }) ranks them'
local JOIN = "streams are not joined yet; :union(other) puts rows of the same columns together"

---Operators of streams.
elsewhere.operators = {
  limit = LIMIT, head = LIMIT, take = LIMIT, first = LIMIT,
  sort = SORT, sort_by = SORT, order_by = SORT, orderby = SORT, rank = SORT,
  join = JOIN, left_join = JOIN, connect = JOIN, merge = "rows of several streams: :union(other)", concat = "rows of several streams: :union(other)",
  where = "rows for which a function gives true: :filter(function(e) return e.amount > 10 end)",
  group_by = 'rows of one key together: :key_by("user"), then :count(), :sum("amount"), :aggregate(...)',
  groupby = 'rows of one key together: :key_by("user")', partition_by = 'rows of one key together: :key_by("user"); files by value: '
    .. "the option partition_by of tm.file",
  rename = ":map(function(e) return { id = e.order_id } end); of a source's fields: order_id = { \"int\", rename = \"id\" } in its schema",
  with_column = ":assign { total = function(e) return e.price * e.n end }", mutate = ":assign { total = function(e) return e.price * e.n end }",
  project = ':select("id", "amount")', columns = ':select("id", "amount")',
  unique = ':key_by("id"):dedup("id"), or :distinct() for whole rows', drop_duplicates = ':key_by("id"):dedup("id"), or :distinct() for whole rows',
  print = ":to(tm.print())", show = ":to(tm.print())", sink = ":to(tm.file { path = ... })", write = ":to(tm.file { path = ... })",
  sink_to = ":to(tm.file { path = ... })", add_sink = ":to(tm.file { path = ... })", foreach = ":to(tm.sink { write = function(e) ... end })",
  each = ":to(tm.sink { write = function(e) ... end })", explode = ":flat_map(function(e, out) for _, item in ipairs(e.items) do out { sku = item.sku } end end)",
  unnest = ":flat_map(function(e, out) for _, item in ipairs(e.items) do out { sku = item.sku } end end)",
  process = "state per key is kept by :reduce, :aggregate and windows",
  session = 'windows are :window(tm.tumbling("1m")) and tm.sliding("10m", "1m")', tumble = ':window(tm.tumbling("1m"))',
}

---Names of tm.
elsewhere.library = {
  session = 'windows are tm.tumbling("1m") and tm.sliding("10m", "1m")', tumble = 'tm.tumbling("1m")', hop = 'tm.sliding("10m", "1m")',
  kafka = "sources: tm.lines(), tm.stdin{}, tm.file{}, tm.socket{}, tm.generate{}", tcp = "records over TCP: tm.socket { port = 9000 }",
  http = "rows in HTTP requests: tm.webhook { url = ... }", read_csv = 'tm.file { path = "in.csv" }', read_json = 'tm.file { path = "in.jsonl" }',
  decimal = 'types are texts: "decimal(10,2)"', int = 'types are texts: "int"', string = 'types are texts: "string"', double = 'types are texts: "double"',
  timestamp = 'types are texts: "timestamp"', bool = 'types are texts: "bool"', any = 'types are texts: "any"',
  now = "tm.time.now()", regex = "tm.re[[...]]", env = "tm.arg(name, default) is an argument of the job, given by --set",
  percentile = 'tm.quantile("ms", 0.95)', stdout = "tm.print()", console = "tm.print()",
}

return elsewhere
