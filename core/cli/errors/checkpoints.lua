-- The catalogue of errors: checkpoints (TM07xx).
return {
  { "CHECKPOINT_DECLINED", group = "checkpoints",
    cause = [[An operator could not take part in a checkpoint: it holds rows whose types are not known yet, because all values of a
      column were nil so far. The job goes on, and the next checkpoint tries again.]],
    fix = [[Say what the function returns, so that nothing has to be waited for: :returns { note = "string" }.]],
    without = "it is a line of the log of a job that goes on" },
  { "IN_FLIGHT", group = "checkpoints",
    cause = [[Barriers of the checkpoint overtook rows that waited in front of a slow operator; these rows are in it. The script has
      been changed so that they have no place: the columns in front of the operator are others, or what a window adds up.]],
    fix = [[Go on with the script as it was and stop the job with Ctrl-C: its last checkpoint waits for all rows, and the changed
      script can begin with it. To do without them: --drop-state NAME, as the hint says.]],
    files = { { "job.lua", [[local tm = require "tidemill"
local job = tm.job("held", { checkpoint = { interval = "100ms", aligned_timeout = "0s" } })
local rows = job:from(tm.generate { count = 1e6, fields = { k = tm.gen.sequence(), v = tm.gen.sequence() } })
if tm.arg("columns", "all") == "few" then rows = rows:drop("v") end
rows:rebalance():filter(function(e) for i = 1, 2e5 do e = e end return true end):named("slow"):to(tm.discard())
return job
]] } },
    run = [[tidemill run job.lua --quiet & until [ -e .tidemill/held/LATEST ]; do sleep 0.1; done; ]] ..
      [[kill -9 $!; tidemill run job.lua --quiet --set columns=few]] },
  { "CHECKPOINT", group = "checkpoints",
    cause = [[A file of a checkpoint or savepoint is missing, cut off, or its bytes are not those that were written: each is
      compared with a checksum. A folder without a MANIFEST is no checkpoint.]],
    fix = [[tidemill checkpoint verify says of each checkpoint whether it is whole; copy what is damaged from a backup, or begin
      with another one. Files of a job's folder belong together: copy all of it.]],
    run = [[mkdir -p saved && echo nonsense > saved/MANIFEST && tidemill checkpoint show saved]] },
  { "CHECKPOINT_OLD", group = "checkpoints",
    cause = [[What the job has written to an output is newer than the checkpoint that it is to begin with: it would write rows
      again that are there.]],
    fix = [[Begin with a newer checkpoint, or say what is to become of the output: if_exists = "replace", or "append", which
      keeps rows twice.]],
    files = { { "job.lua", [[local tm = require "tidemill"
local job = tm.job("one", { checkpoint = "1h" })
job:from(tm.generate { count = 1e5, rate = 1000, fields = { k = tm.gen.sequence { start = 1 } } })
  :to(tm.file { path = "out.jsonl" })
return job
]] } },
    run = [[for time in first second; do timeout -s INT 2 tidemill run job.lua --quiet; done; ]] ..
      [[tidemill run job.lua --from chk-1]] },
  { "STATE_TYPE", group = "checkpoints",
    cause = [[A state of the job has another type, or is something else, than what the checkpoint has under its name.]],
    fix = [[The message has both types. Give the state another name, or its old type.]],
    files = { { "job.lua", [[local tm = require "tidemill"
local kind = tm.arg("kind", "int")
local job = tm.job("one", { checkpoint = "1s" })
job:from(tm.generate { count = 100, rate = 1000, fields = { k = tm.gen.sequence { start = 1 } } })
  :key_by("k"):process("seen", {
    state = { last = tm.value(kind, { ttl = "never" }) },
    each = function(ctx, e)
      ctx.state.last:set(kind == "int" and e.k or "text")
      ctx:emit { k = e.k }
    end,
  }):to(tm.discard())
return job
]] } },
    run = [[tidemill run job.lua --quiet && tidemill run job.lua --from chk-1 --set kind=string]] },
  { "CHECKPOINT_MISSING", group = "checkpoints",
    cause = [[There is no checkpoint of this number, or none at all, where one is looked for.]],
    fix = [[List the folder: chk-12 with a MANIFEST is a checkpoint. A job has its own in .tidemill/JOB.]],
    run = [[mkdir -p empty && tidemill checkpoint show empty]] },
  { "CHECKPOINT_VERSION", group = "checkpoints",
    cause = [[A later version of tidemill wrote the checkpoint, in a form that this one does not know.]],
    fix = [[Use the version that wrote it, or a later one.]],
    run = [[mkdir later; printf '{ "tidemill_checkpoint": 99 }\nxxh3 bc8ec9b7413f0ce9\n' > later/MANIFEST; tidemill checkpoint show later]] },
  { "CHECKPOINT_JOB", group = "checkpoints",
    cause = [[The checkpoint was taken of a job of another name.]],
    fix = [[Give the job the name that the message has, if it is the same job, or begin with a checkpoint of its own.]],
    files = { { "job.lua", [[local tm = require "tidemill"
local job = tm.job(tm.arg("job", "one"), { checkpoint = "1s" })
job:from(tm.generate { count = tm.arg("count", 100), rate = 1000, fields = { k = tm.gen.sequence { start = 1 } } })
  :key_by("k"):count { name = tm.arg("name", "counts") }:to(tm.discard())
return job
]] } },
    run = [[tidemill run job.lua --quiet && tidemill run job.lua --from .tidemill/one/chk-1 --set job=two]] },
  { "JOB_RUNNING", group = "checkpoints",
    cause = [[A process, perhaps this one, runs a job of this name and holds the folder of its checkpoints.]],
    fix = [[Stop that process, whose number the message has, or give one of the jobs another name or folder.]],
    files = { { "job.lua", [[local tm = require "tidemill"
local job = tm.job(tm.arg("job", "one"), { checkpoint = "1s" })
job:from(tm.generate { count = tm.arg("count", 100), rate = 1000, fields = { k = tm.gen.sequence { start = 1 } } })
  :key_by("k"):count { name = tm.arg("name", "counts") }:to(tm.discard())
return job
]] } },
    run = [[timeout 2 tidemill run job.lua --quiet --set count=10000 & sleep 0.5; tidemill run job.lua; wait]] },
  { "UNSAVED", group = "checkpoints",
    cause = [[What a checkpoint has saved could not be made visible in an output, or the checkpoint at the end of the input could not be
      taken; it was tried again as often as restart of tm.job allows. The message has the last reason.]],
    fix = [[Mend the reason, then run the job again: it makes visible what was saved, and reads again what was not.]],
    files = { { "job.lua", [[local tm = require "tidemill"
local job = tm.job("kept", { checkpoint = "1h", restart = "none" })
job:from(tm.generate { count = 20000, fields = { k = tm.gen.sequence { start = 1 } } })
  :key_by("k"):count { name = "counts" }:filter(function(e) return e.k < 10 end):to(tm.file { path = "out.jsonl", format = "json" })
return job
]] } },
    run = [[ulimit -f 16; tidemill run job.lua --quiet]] },
  { "STATE_LEFT", group = "checkpoints",
    cause = [[The job is to go on from a checkpoint that has state of an operator which the script no longer has, or has under
      another name or of another kind. To begin without it would lose it. Of an output that is a state too: rows that wait for their commit; the message says
      how many bytes in how many files.]],
    fix = [[Give the operator or the state its old name. If it is to go: --drop-state NAME, as the hint says; if all is to
      begin anew: --fresh.]],
    files = { { "job.lua", [[local tm = require "tidemill"
local job = tm.job(tm.arg("job", "one"), { checkpoint = "1s" })
job:from(tm.generate { count = tm.arg("count", 100), rate = 1000, fields = { k = tm.gen.sequence { start = 1 } } })
  :key_by("k"):count { name = tm.arg("name", "counts") }:to(tm.discard())
return job
]] } },
    run = [[tidemill run job.lua --quiet && tidemill run job.lua --from chk-1 --set name=new]] },
  { "STATE_MIGRATE", group = "checkpoints",
    cause = [[The job goes on from a checkpoint in which a state has another type, and the state's function `migrate`, which makes the
      new value of the old one, failed for the key that the message names, or gave a value that has not the state's type.]],
    fix = [[Mend the function: it gets what ctx.state.NAME:get() gave before, and gives what is to be got now, nil for nothing. The
      checkpoint is as it was: the same command goes on from it.]],
    files = { { "job.lua", [[local tm = require "tidemill"
local new = tm.arg("new", "")
local job = tm.job("one", { checkpoint = "1s" })
local number = tm.value("int", { default = 0 })
local text = tm.value("string", { migrate = function(old) return old end })
job:from(tm.generate { count = 100, rate = 1000, fields = { k = tm.gen.sequence { start = 1 } } })
  :key_by("k"):process("seen", {
    state = { n = new == "" and number or text },
    each = function(ctx, e)
      ctx.state.n:set(new == "" and 1 or "more")
      ctx:emit { k = e.k }
    end,
  }):to(tm.discard())
return job
]] } },
    run = [[tidemill run job.lua --quiet && tidemill run job.lua --from chk-1 --set new=1]] },
  { "INPUT_CHANGED", group = "checkpoints",
    cause = [[A job goes on from a checkpoint, and a file that it had begun to read is gone, shorter than what was read of it, or another
      file: what is in it cannot be what comes next. Or the path of the source is another now, which does not mean that file; or its format, which cannot go on there.
      `tidemill plan --against` says so before anything runs.]],
    fix = [[Put back the file as it was; go on with the path as it was until the file is read, and then change it. Or leave out what is left of it and
      read all that the new path means: --drop-state with the name of the source. Or begin anew with all of the input: tidemill run --fresh.]],
    files = { { "job.lua", [[local tm = require "tidemill"
local job = tm.job("one", { checkpoint = "1h" })
job:from(tm.file { path = "in.txt", format = "text" })
  :filter(function(line) for i = 1, 2e5 do line = line end return true end):to(tm.discard())
return job
]] } },
    run = [[seq 1000000 > in.txt; timeout -s INT 2 tidemill run job.lua --quiet; seq 9 > in.txt; tidemill run job.lua]] },
  { "OUTPUT_CHANGED", group = "checkpoints",
    cause = [[A job goes on from a checkpoint, and rows that belong to it and were kept in hidden files beside the output are gone, cut or
      edited; or a file that it appends to has been cut or taken away; or the record of what has been committed is not as it was written; or
      somebody else has made a file that the job was to make, another run without checkpoints for example; or the output has another path
      now, and rows are not in the old one yet.]],
    fix = [[Put back what was removed: hidden files beside an output belong to the job until it has finished, and what it has written until it
      goes on. An output that was taken away on purpose is left behind by --drop-state with the name of its sink. Move away what the job has
      not written. Go on once with the old path before it changes. Or begin anew with all of the input: tidemill run --fresh.]],
    files = { { "job.lua", [[local tm = require "tidemill"
local job = tm.job("one", { checkpoint = "1h" })
job:from(tm.generate { count = 1e5, rate = 1000, fields = { k = tm.gen.sequence { start = 1 } } })
  :to(tm.file { path = "out.jsonl" })
return job
]] } },
    run = [[tidemill run job.lua --quiet & until tidemill show one 2>&1 | grep -q 'generate.*[1-9]'; do sleep 0.1; done; ]] ..
      [[tidemill stop one; rm out.jsonl; tidemill run job.lua --quiet]] },
}
