-- The catalogue of errors: the job's script and its graph (TM03xx).
return {
  { "SCRIPT_SYNTAX", group = "syntax",
    cause = [[The script is not Lua. The caret stands at the word where it stopped being so; what is missing is often further up.]],
    fix = [[Look before the caret for an `end`, a bracket or a comma that is missing, and for words of other languages: Lua has
      `then`, `elseif`, `~=`, `and`, `or`, `not`, `..`.]],
    run = [[tidemill check -e 'tm.from(tm.lines()):filter(function(l) return l != "" end)']] },
  { "SCRIPT_RUN", group = "script",
    cause = [[The script raised an error while it built the job, before any row was read.]],
    fix = [[The message is Lua's, or that of an error() in the script. Values that come from outside are strings or nil until
      they are converted: tm.arg("n", 1) converts to the type of its default.]],
    run = [[tidemill check -e 'local limit = nil + 1 return tm.from(tm.lines())']] },
  { "SCRIPT_RESULT", group = "script",
    cause = [[A job's file ends with `return` of a stream or a job, so that it is plain what is run; this one returned something
      else, or nothing.]],
    fix = [[End the file with `return stream` or `return job`.]],
    files = { { "job.lua", [[
local tm = require "tidemill"
local lines = tm.from(tm.lines()):to(tm.print())
]] } },
    run = [[tidemill check job.lua]] },
  { "ARGUMENT", group = "types",
    cause = [[A function was called with a value that it does not take: of another type, out of range, one too many, or none.]],
    fix = [[The message says what was given and what is allowed. Durations are "250ms", "5s", "10m", "1h", "1d" or milliseconds;
      sizes "64KB", "128MB", "1GB" or bytes.]],
    run = [[tidemill check -e 'tm.from(tm.lines()):map("upper")']] },
  { "UNKNOWN_NAME", group = "names",
    cause = [[There is no variable, function or operator of this name. Variables must be declared with `local`: a misspelt one
      would be nil without a word.]],
    fix = [[The hint has the nearest name that there is. A helper must stand above the function that uses it.]],
    run = [[tidemill check -e 'tm.from(tm.lines()):fliter(function(l) return true end)']] },
  { "DUPLICATE_NAME", group = "names",
    cause = [[Two operators, sources or sinks have one name. Names identify them in reports and in saved state.]],
    fix = [[Give one of them another name: :named("...") behind an operator, name = "..." in a source or sink.]],
    run = [[tidemill check -e 'tm.from(tm.lines()):filter(function(l) return l ~= "" end):named("a"):filter(function(l) return #l < 9 end):named("a")']] },
  { "UNKNOWN_FIELD", group = "names",
    cause = [[An operator names a field that the rows there do not have. What an operator gives is what its function returns, so
      a field that map leaves out is gone from there on.]],
    fix = [[Take one of the fields that the message lists, or keep the field: return it in map, leave it out of drop, name it in
      select.]],
    run = [[tidemill check -e 'tm.from(tm.stdin { format = "json", schema = { user = "string", amount = "double" } }):filter(function(e) return e.amuont > 10 end)']] },
  { "SCHEMA", group = "types",
    cause = [[Two schemas that must agree do not (the streams of a union, rows and the schema of their sink), or a schema is not
      possible: no columns, a column twice, an option that its type does not have.]],
    fix = [[Bring the streams to the same columns with the same types in the same order: select, assign, map with :returns.]],
    run = [[tidemill check -e 'local a = tm.from(tm.stdin { format = "json", schema = { n = "int" } }) return a:union(a:map(function(e) return { n = "x" } end))']] },
  { "SCHEMA_MISSING", group = "types",
    cause = [[The format does not say which fields there are and of what types, and no schema was given.]],
    fix = [[Declare the fields that the job uses, the others are left alone: schema = { user_id = "string",
      amount = "decimal(10,2)" }.]],
    run = [[tidemill check -e 'tm.from(tm.stdin { format = "json" })']] },
  { "TYPE", group = "types",
    cause = [[An operator or aggregate cannot work on this type (the sum of a text), a type has no such name, or a function can
      be seen never to give a row.]],
    fix = [[Convert first: :assign { amount = function(e) return tonumber(e.amount) end }; or declare the field with the type
      that it has at the source.]],
    run = [[tidemill check -e 'tm.from(tm.lines()):assign { k = function() return 1 end }:key_by("k"):sum("line")']] },
  { "GRAPH", group = "topology",
    cause = [[The operators are right each for itself and do not fit together: an aggregate without a key, rows at the end of an
      input that has none, a stream of another job, a job without a source.]],
    fix = [[The hint says what belongs before the operator; for example :key_by("field") before :count().]],
    run = [[tidemill check -e 'tm.from(tm.lines()):count()']] },
  { "SANDBOX", group = "names",
    cause = [[A job's code sees its rows and nothing outside: no files, no programs, no memory, no loading of compiled code. So a
      job gives the same results wherever it runs, and cannot harm the machine.]],
    fix = [[Sources read and sinks write: tm.file, tm.stdin, tm.print. Settings come as arguments: tm.arg(name, default) and
      --set. Modules beside the job are loaded with require.]],
    run = [[tidemill check -e 'local f = io.open("rules.txt") return tm.from(tm.lines())']] },
  { "GRAPH_DIFFERS", group = "script",
    cause = [[Every thread evaluates the script for itself to get its functions, and must come to the same job. This script built
      another one: names, options or the number of operators depend on the clock, or the file changed meanwhile.]],
    fix = [[Let the graph depend on constants and on arguments (tm.arg) alone. Functions may use the clock: they run on rows.]],
    files = { { "job.lua", [=[
local tm = require "tidemill"
local now = os.time()
repeat until os.time() > now
return tm.from(tm.lines()):filter(function(l) return l ~= "" end):named("since " .. os.time())
]=] } },
    run = [[echo 1 | tidemill run job.lua]] },
  { "RETURNS_NEEDED", group = "types",
    cause = [[The columns of what a function returns are read from its code. Here they cannot be: their names are computed, or
      the table comes from elsewhere.]],
    fix = [[Declare them right behind the operator: :returns { name = "string", total = "double" }.]],
    run = [[tidemill check -e 'tm.from(tm.lines()):map(function(l) local row = {} row[l] = 1 return row end)']] },
  { "NO_WATERMARK", group = "topology",
    cause = [[A window by event time needs to know the time of rows and how far out of order they come: nothing above it says
      so. A timer of event time without one waits for the end of the input, which check says.]],
    fix = [[Say it right behind the source: :watermark("ts", { out_of_order = "5s" }).]],
    run = [[tidemill check -e 'tm.from(tm.stdin { format = "json", schema = { k = "string", ts = "timestamp" } }):key_by("k"):window(tm.tumbling("1m")):aggregate("per_minute", { n = tm.count() })']] },
  { "OPTION", group = "names",
    cause = [[An option has no such name, or a value that does not go with the others.]],
    fix = [[The message lists the options that there are; the hint has the nearest.]],
    run = [[tidemill check -e 'tm.from(tm.stdin { fromat = "json" })']] },
  { "TEST_USE", group = "script",
    cause = [[A spec asks of a test what cannot be: event time that goes back, records behind the end of the input, anything of a
      test that was closed.]],
    fix = [[Times of a test only go forward, as in production; what is to begin anew is another tm.test.]],
    files = { { "spec/back_spec.lua", [=[
local tm = require "tidemill"
it("goes back", function()
  local t = tm.test { code = [[
    local tm = require "tidemill"
    return tm.from(tm.stdin { name = "in", format = "json", schema = { ts = "timestamp" } }):watermark("ts")]] }
  t:advance_watermark(2000)
  t:advance_watermark(1000)
end)
]=] } },
    run = [[tidemill test]] },
  { "TEST_REPLAY", group = "script",
    cause = [[Under `tidemill test --kills` the job died and began again from a checkpoint, and rows that the spec had taken before did
      not come again as they were. A function keeps something outside of ctx.state, or the result depends on which subtask is first.]],
    fix = [[What a function keeps from row to row belongs into ctx.state, which is in checkpoints: local variables, tables and upvalues
      of the script are lost with the process.]],
    files = { { "spec/numbered_spec.lua", [=[
local tm = require "tidemill"
it("numbers rows", function()
  local t = tm.test { code = [[
    local tm = require "tidemill"
    local counter = { last = 0 }
    return tm.from(tm.stdin { name = "in", format = "json", schema = { v = "int" } })
      :map(function(e)
        counter.last = counter.last + 1
        return { v = e.v, number = counter.last }
      end)
      :to(tm.print { name = "out" })]] }
  for i = 1, 9 do
    t:push("in", { v = i })
    t:take("out")
  end
end)
]=] } },
    run = [[tidemill test --kills]] },
}
