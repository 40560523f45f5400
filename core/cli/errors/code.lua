-- The catalogue of errors: your code and the rows that it makes (TM05xx), and findings about jobs that run (TM06xx).
return {
  { "USER_CODE", group = "script",
    cause = [[A function of the job raised an error for this row: Lua's own, as for nil in arithmetic, or an error() of yours.]],
    fix = [[The message has the line and the record. A missing field is nil, and so is tonumber of a text that is no number: test
      it, or use a default: (e.amount or 0). on_error says what becomes of such rows.]],
    run = [[printf '10\nten\n' | tidemill run -e 'tm.from(tm.lines()):map(function(l) return { half = tonumber(l) / 2 } end)']] },
  { "ROW_TYPE", group = "types",
    cause = [[A function gave a value that does not fit its column. The column's type is that of the operator's first row, or of
      :returns.]],
    fix = [[Give the same type in every branch, or declare the type that all of them fit: :returns { size = "string" }.]],
    run = [[printf '7\nseven\n' | tidemill run --parallelism 1 -e 'tm.from(tm.lines()):map(function(l) return { n = tonumber(l) or l } end)']] },
  { "ROW_KEY", group = "names",
    cause = [[A function gave a column that the operator's schema does not have. It would be lost without a word.]],
    fix = [[Declare it in :returns with the others, or do not give it.]],
    run = [[tidemill check -e 'tm.from(tm.lines()):map(function(l) return { a = 1, b = 2 } end):returns { a = "int" }']] },
  { "OVERFLOW", group = "script",
    cause = [[A result does not fit its type: a sum of whole numbers beyond 2^53 (int) or 64 bits (int64), or a decimal of more
      than 38 digits.]],
    fix = [[Sum a wider type: declare the field as int64, double or decimal at the source, or convert it before the sum.]],
    run = [[printf '{"n": 9007199254740991}\n{"n": 9007199254740991}\n' | tidemill run -e 'tm.from(tm.stdin { format = "json", schema = { n = "int" } }):assign { k = function() return "all" end }:key_by("k"):sum("n")']] },
  { "USER_MEMORY", group = "script",
    cause = [[Tables and texts that the job's functions keep are larger than lua_memory, 1 GB in each thread unless the job says
      otherwise. State of keys and windows does not count.]],
    fix = [[Keep what belongs to a key in state, not in a captured table; or raise the limit:
      tm.job("name", { lua_memory = "4GB" }).]],
    run = [[tidemill run --parallelism 1 -e 'local kept = {} return tm.job("keeps", { lua_memory = "16MB" }):from(tm.generate { count = 1e7, fields = { v = tm.gen.sequence() } }):map(function(e) kept[#kept + 1] = { e.v } return { n = #kept } end):to(tm.discard())']] },
  { "REJECTED", group = "records",
    cause = [[The receiver of a webhook answered a request with a status from 400 to 499: it will not take these rows, however often
      they are sent.]],
    fix = [[The message has the beginning of the answer. on_error = "skip" or a dead-letter sink goes on with the other rows. Those
      that came in one request with a bad one are sent again without it when the answer is 400, 409, 413 or 422.]],
    files = { { "job.lua", [[local tm = require "tidemill"
local job = tm.job("orders", {})
job:from(tm.generate { count = 2000, rate = 1000, fields = { k = tm.gen.uniform(1, 5, "int") } }):to(tm.discard())
return job
]] } },
    run = [[tidemill run job.lua --metrics 0 2> log & until url=$(grep -o 'http:.*/metrics' log); do sleep 0.1; done; ]] ..
      [[echo row | tidemill run -e 'tm.from(tm.lines()):to(tm.webhook { url = "'$url'" })'; kill %1]] },
  { "ADVICE", group = "advice",
    cause = [[Something that works and could be better; the message says what.]],
    fix = [[The hint says how. --deny-warnings does not count advice.]],
    run = [[tidemill check -e 'tm.from(tm.generate { count = 9, fields = { k = tm.gen.sequence() } }):key_by("k"):window(tm.count_window(2, 3)):aggregate("pairs", { n = tm.count() })']] },
  { "CAPTURED", group = "advice",
    cause = [[A function assigns a variable outside of itself. Every thread has a variable of its own, so the result depends on
      how rows are spread; and it is lost when the job restarts.]],
    fix = [[What is kept between rows is state: key_by(...):count(), :sum(...), :reduce(...).]],
    run = [[tidemill check -e 'local n = 0 return tm.from(tm.lines()):map(function(l) n = n + 1 return { n = n } end)']] },
  { "KEPT_RECORD", group = "advice",
    cause = [[A function keeps the record itself, or ctx. A record is a view of the row that is being worked on, and shows another row,
      or nothing, after the call; a ctx speaks of the key, time and row of whatever call is under way. Tests say so when one is used
      behind its call; a job that runs does not look, as that would cost time with every row.]],
    fix = [[Keep a copy: e:copy(), or tm.copy(e) where a field is called copy; of ctx what is needed, as ctx.key.]],
    run = [[tidemill check -e 'local last return tm.from(tm.stdin { format = "json", schema = { n = "int" } }):filter(function(e) last = e return true end)']] },
  { "NOT_COMPILED", group = "advice",
    cause = [[Rows run through compiled code. What this line uses (patterns of strings, functions made for every row, `...`) is
      interpreted, which costs many times more.]],
    fix = [[The hint names what to use instead. For a job of little data it does not matter.]],
    run = [[tidemill check -e 'tm.from(tm.lines()):filter(function(l) return l:find("^%a+$") ~= nil end)']] },
  { "FORMAT_GUESSED", group = "advice",
    cause = [[No format was given, and one was taken by the suffix of the path or by what stands in for it.]],
    fix = [[Say it: format = "json". Then a file of another name is read alike.]],
    run = [[echo 1 > in.txt; tidemill check -e 'tm.from(tm.file { path = "in.txt" })']] },
  { "SCHEMA_INFERRED", group = "advice",
    cause = [[A source has no schema: one was made of its first records, and later ones may be of another kind.]],
    fix = [[Paste the schema that the message shows, or that `tidemill schema job.lua` prints: schema = { ... }.]],
    run = [[echo '{"id":1}' > in.jsonl; tidemill check -e 'tm.from(tm.file { path = "in.jsonl", format = "json" })']] },
  { "IMPLIED_SINK", group = "topology",
    cause = [[The rows of a stream go nowhere, so they are printed.]],
    fix = [[Say where they go: :to(tm.print()), :to(tm.file { path = "out.jsonl" }), :to(tm.discard()).]],
    files = { { "job.lua", [[
local tm = require "tidemill"
return tm.from(tm.lines())
]] } },
    run = [[tidemill check job.lua]] },
  { "UNNAMED_STATE", group = "names",
    cause = [[An operator that keeps state has no name of its own. The name that it got depends on what stands around it, and
      state is found again by its name.]],
    fix = [[Name it: :count { name = "per_user" }, :reduce("best", fn).]],
    run = [[tidemill check -e 'tm.from(tm.lines()):key_by("line"):count()']] },
  { "MIXED_WATERMARK", group = "topology",
    cause = [[A watermark follows the largest time that it has seen. Where rows of several inputs have mixed before it, those of
      the slower input come behind it and are late.]],
    fix = [[Put :watermark(...) right behind each source, before union, rebalance and key_by: there it waits for the slowest.]],
    run = [[tidemill check -e 'local function rows(n) return tm.from(tm.generate { name = n, count = 9, fields = { ts = tm.gen.timestamp { step = "1s" } } }) end return rows("a"):union(rows("b")):watermark("ts", { out_of_order = "1s" })']] },
  { "PROCESSING_TIME", group = "advice",
    cause = [[Windows with processing = true are cut by the machine's clock, and the rows have a time of their own. What a window holds
      depends then on how fast the input came: the same records read again, or after a pause, give other results.]],
    fix = [[Windows of event time: :watermark("field", { out_of_order = "5s" }) above the key, and no processing = true. The clock is
      right where it is the arrival that counts.]],
    run = [[tidemill check -e 'tm.from(tm.stdin { format = "json", schema = { user = "string", ts = "timestamp" } }):key_by("user"):window(tm.tumbling("1m", { processing = true })):aggregate("n", { n = tm.count() })']] },
  { "UNBOUNDED_STATE", group = "advice",
    cause = [[State of keys has no time to live, and no timer that anything sets clears it, so what was kept of a key that never comes
      again stays for ever.
      Where the input has no end this is a warning: memory grows with every new key.]],
    fix = [[ttl = "1d" where the state is declared forgets it a day after its last write; a timer can clear it when it is no longer
      needed: ctx.state.name:clear(). Where it is meant (there are only so many keys), ttl = "never" says so.]],
    run = [[tidemill check -e 'tm.from(tm.generate { rate = 10, fields = { user = tm.gen.pattern("u####") } }):key_by("user"):process("visits", { state = { n = tm.value("int", { default = 0 }) }, each = function(ctx, e) ctx.state.n:set(ctx.state.n:get() + 1) ctx:emit { user = ctx.key, n = ctx.state.n:get() } end })']] },
  { "ROW_CRASHED", group = "script",
    cause = [[The worker process has crashed or hung on this row (or timer) of this operator again and again, so it does not get
      it any more. What crashes is C below a function, as a rule; what hangs is a loop of the function that does not end.]],
    fix = [[The message has the record: find what the function does with it. on_error says what becomes of such rows, as of all
      that fail; "fail" stops the job.]],
    files = { { "job.lua", [[local tm = require "tidemill"
local job = tm.job("one", { checkpoint = "1m", batch_timeout = "200ms", on_error = "skip" })
job:from(tm.generate { count = 100, fields = { k = tm.gen.sequence { start = 1 } } })
  :map(function(e) while e.k == 7 do end return { k = e.k } end):to(tm.discard())
return job
]] } },
    run = [[tidemill run job.lua]] },
  { "WORKER_CRASHED", group = "script",
    cause = [[The worker process, which does the job below its supervisor, has ended by a signal: it crashed, or somebody or the
      system, for want of memory, has killed it. It is not started again: the message says why.]],
    fix = [[A job whose sources can be read again goes on from its newest checkpoint: run it again, or let it be started again,
      which is usual where the job takes checkpoints. A crash of tidemill itself is a bug: please report it.]],
    run = [[tidemill run -e 'tm.from(tm.generate { rate = 10, fields = { k = tm.gen.sequence() } }):to(tm.discard())' & sleep 1; kill -SEGV $(cat /proc/$!/task/$!/children); wait $!]] },
  { "BATCH_TIMEOUT", group = "script",
    cause = [[A function of the operator has not come to an end within batch_timeout, 30 s unless the job says otherwise: as a
      rule a loop that does not end. The worker process was ended, since nothing else stops such a loop, and is not started
      again: the message says why. `tidemill test` ends there too, and names the line of the spec.]],
    fix = [[End the loop. A function that needs more time gets it: tm.job("name", { batch_timeout = "5m" }), or false for any.]],
    run = [[tidemill run -e 'tm.job("j", { batch_timeout = "200ms" }):from(tm.generate { count = 1, fields = { k = tm.gen.sequence() } }):map(function(e) while e.k ~= "" do end return e end)']] },
}
